import type { Libp2pNetworkOptions } from '../network/libp2p-options.ts'
import { bootstrapAddress } from './bootstrap-address.ts'
import type { NodeConfig } from './config-schema.ts'

/** What the settings mean for the network. */
export function networkOptions(config: NodeConfig): Partial<Libp2pNetworkOptions> {
  return {
    host: config.host,
    port: config.port,
    wsPort: config.wsPort,
    wsPortWished: portAfter(config),
    dhtPort: config.dhtPort,
    announce: config.announce,
    connectionsMax: config.connectionsMax,
    bootstrap: config.bootstrap.flatMap((entry) => bootstrapAddress(entry) ?? []),
    bootstrapDns: config.bootstrapDns,
    mdns: config.mdns,
    dht: config.dht,
    // A light node asks others and answers nobody.
    dhtMode: config.role === 'light' ? 'client' : 'auto',
    relayServer: RELAY_SERVER[config.relayServer],
    relayClient: config.relayClient,
    upnp: config.upnp,
    debug: config.networkDebug,
  }
}

const RELAY_SERVER = { auto: 'auto', on: true, off: false } as const

/** The port after the one for TCP, when nothing else of this node wants it. */
function portAfter({ port, dhtPort, apiPort }: NodeConfig): number {
  const next = port + 1
  return port === 0 || next > 65_535 || next === dhtPort || next === apiPort ? 0 : next
}
