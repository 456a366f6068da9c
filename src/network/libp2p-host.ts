import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { autoNATv2 } from '@libp2p/autonat-v2'
import { type CircuitRelayService, circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { dcutr } from '@libp2p/dcutr'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import type { Libp2p, PrivateKey, Startable } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { LevelDatastore } from 'datastore-level'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import { BulkDoor } from './bulk/bulk-door.ts'
import type { ConnectionGate } from './connection-gate.ts'
import type { ConnectionKeeper } from './connection-keeper.ts'
import { KAD_PROTOCOL, KADEMLIA } from './dht.ts'
import type { Transports } from './dialler.ts'
import { findOnLan } from './discovery/lan.ts'
import type { Relays } from './discovery/relays.ts'
import { ListenFailedError, PortTakenError } from './errors.ts'
import type { HeldMemory } from './held-memory.ts'
import { withMessageLimit } from './kad-limits.ts'
import { lateUpnp } from './late-upnp.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import type { Libp2pNetworkOptions } from './libp2p-options.ts'
import { type ListenPlan, planListening } from './listen-addresses.ts'
import { nativeTls } from './native-tls/native-tls.ts'
import { TlsIdentity } from './native-tls/tls-identity.ts'
import { BROADCAST_BYTES_MAX } from './network.ts'
import { withoutRelayJunk } from './peer-address.ts'
import { ADDRESS_AGE_MS_MAX } from './peer-memory.ts'
import { type RelayComponents, RelayWhenPublic } from './relay-when-public.ts'
import type { StreamNegotiations } from './stream-negotiations.ts'
import { limitUpgrades, type Upgrader } from './upgrade-limits.ts'
import { quickYamux } from './yamux/quick-yamux.ts'

/** Streams on one connection. */
const STREAMS_PER_CONNECTION_MAX = 1_024
/** A stream's receive window. Beyond libp2p's read buffer of 4 MiB a paused stream would be aborted. */
const STREAM_WINDOW_BYTES_MAX = 2 * 1024 * 1024
/** New connections per second from one address: all peers behind one relay, or in one home, share one. */
const INBOUND_PER_SECOND_MAX = 200
const HANDSHAKES_MAX = 100
/** Pings at once on one connection: the DHT's and those of our link monitor. */
const PINGS_AT_ONCE_MAX = 16
/** A port found free may be taken by another program before we listen on it. */
const FREE_PORT_TRIES = 5

/** A running libp2p host and the parts of it that we use. */
export interface Libp2pHost {
  host: Libp2p
  privateKey: PrivateKey
  dht: KadDHT | undefined
  gossip: GossipSub
  /** Who we are in TLS, by libp2p's way and by ours. */
  identity: TlsIdentity
  /** Lets direct connections in beside libp2p's; undefined when they are turned off. */
  door: BulkDoor | undefined
  transports: Transports
  /** Whether anybody can dial us without a router's or relay's help. */
  isPublic: boolean
  /** Closes the peer store; after `host.stop()`. */
  close(): Promise<void>
}

interface Parts {
  key: SigningKey
  clock: Clock
  random: Random
  metrics: Metrics
  log: Logger
  /** Absolute; the peer store lies in it. */
  folder: string
  gate: ConnectionGate
  keeper: ConnectionKeeper
  relays: Relays
  /** What lies in memory for peers; also told how many bytes come, whomever they are for. */
  memory: HeldMemory
  negotiations: StreamNegotiations
}

/**
 * Starts the one libp2p host of a node.
 * @throws PortTakenError, ListenFailedError
 */
export async function startLibp2pHost(parts: Parts, options: Libp2pNetworkOptions): Promise<Libp2pHost> {
  await mkdir(parts.folder, { recursive: true })
  const datastore = new LevelDatastore(join(parts.folder, 'peers'))
  await datastore.open()
  try {
    const privateKey = await generateKeyPairFromSeed('Ed25519', parts.key.seed)
    for (let attempt = 1; ; attempt++) {
      try {
        return await start(parts, options, { datastore, privateKey })
      } catch (error) {
        const anyPort = options.port === 0 && options.wsPort <= 0 && options.dhtPort <= 0
        if (!(error instanceof PortTakenError) || !anyPort || attempt === FREE_PORT_TRIES) throw error
      }
    }
  } catch (error) {
    await datastore.close()
    throw error
  }
}

async function start(
  parts: Parts,
  options: Libp2pNetworkOptions,
  base: { datastore: LevelDatastore; privateKey: PrivateKey },
): Promise<Libp2pHost> {
  const { gate, keeper, relays, clock, random, metrics, memory, negotiations } = parts
  const plan = await planListening(options)
  const usesRelays = options.relayClient && !plan.isPublic
  const inner: { transports?: Transports } = {}
  const identity = new TlsIdentity({ clock, random }, base.privateKey)
  const door = options.bulk ? new BulkDoor(clock) : undefined
  const secured = nativeTls({
    identityOf: () => identity,
    onSecured: (by) => metrics.count('kizuna_tls_connections_total', { by }),
  })
  const transports = [
    door === undefined ? tcp() : door.in(tcp()),
    webSockets(),
    ...(options.relayClient ? [relays.transport()] : []),
  ]
  const countBadFrame = () => metrics.count('kizuna_network_bad_frames_total')
  const services = {
    identify: identify({ timeout: 5_000 }),
    identifyPush: identifyPush(),
    ping: ping({ maxInboundStreams: 2 * PINGS_AT_ONCE_MAX, maxOutboundStreams: PINGS_AT_ONCE_MAX }),
    gossip: gossipsub({
      emitSelf: false,
      globalSignaturePolicy: 'StrictSign',
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      runOnLimitedConnection: true,
      maxInboundDataLength: BROADCAST_BYTES_MAX + 4_096,
      // Members of one home, or behind one relay, share an address and are not an attack.
      scoreParams: { IPColocationFactorWeight: 0 },
    }),
    inner: (components: { transportManager: Transports; upgrader: Upgrader }) => {
      inner.transports = components.transportManager
      limitUpgrades(components.upgrader)
      return {}
    },
    ...(options.relayClient ? { dcutr: dcutr() } : {}),
    ...(options.autonat ? { autonat: autoNATv2() } : {}),
    ...(options.upnp ? { upnp: lateUpnp({ clock, log: parts.log }) } : {}),
    ...(options.dht ? { dht: withMessageLimit(kademlia(options), countBadFrame) } : {}),
    ...(options.relayServer === false ? {} : { relay: relayServer(options, plan) }),
  }
  const init = {
    privateKey: base.privateKey,
    datastore: base.datastore,
    nodeInfo: { name: 'kizuna', version: '1' },
    addresses: {
      listen: [...plan.listen, ...(usesRelays ? Array(options.relaysWanted).fill('/p2p-circuit') : [])],
      appendAnnounce: plan.announce,
      announceFilter: withoutRelayJunk,
    },
    transports,
    connectionEncrypters: options.encryption.map((name) => (name === 'tls' ? secured : noise())),
    streamMuxers: [
      quickYamux(
        {
          maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
          maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
          streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX },
        },
        (bytes) => memory.came(bytes),
      ),
    ],
    peerDiscovery: options.mdns ? [findOnLan(keeper, { serviceTag: options.mdnsServiceTag })] : [],
    connectionGater: gate.gater,
    connectionManager: {
      maxConnections: options.connectionsMax,
      inboundConnectionThreshold: INBOUND_PER_SECOND_MAX,
      maxIncomingPendingConnections: HANDSHAKES_MAX,
      // Reconnecting is the keeper's business: libp2p gives up after five times, and forgets why.
      reconnectRetries: 0,
    },
    // Our own looks after the links, see link-monitor.ts.
    connectionMonitor: { enabled: false },
    peerStore: { maxAddressAge: ADDRESS_AGE_MS_MAX, maxPeerAge: ADDRESS_AGE_MS_MAX },
    services,
  } as unknown as Libp2pOptions<{ gossip: GossipSub; dht: KadDHT }>
  const logger = libp2pLogger(parts.log, { isOn: options.debug })
  const host = await createLibp2p({ ...init, logger, start: false })
  host.addEventListener('connection:open', ({ detail }) => {
    gate.opened(detail)
    negotiations.watch(detail)
  })
  host.addEventListener('connection:close', ({ detail }) => gate.closed(detail))
  try {
    await host.start()
  } catch (error) {
    throw listenError(error, options)
  }
  const { gossip, dht } = host.services
  return {
    host,
    privateKey: base.privateKey,
    dht: options.dht ? dht : undefined,
    gossip,
    identity,
    door,
    transports: inner.transports as Transports,
    isPublic: plan.isPublic,
    close: () => base.datastore.close(),
  }
}

function kademlia(options: Libp2pNetworkOptions) {
  return kadDHT({
    protocol: KAD_PROTOCOL,
    ...KADEMLIA,
    clientMode: options.dhtMode === 'client',
    peerInfoMapper: passthroughMapper,
    // Before it, every query waits.
    initialQuerySelfInterval: 200,
  })
}

/** Without libp2p's default limits, which end a relayed connection after 128 KiB or two minutes. */
function relayServer(options: Libp2pNetworkOptions, plan: ListenPlan) {
  const make = circuitRelayServer({
    reservations: { applyDefaultLimit: false, maxReservations: options.relayReservationsMax },
    maxInboundHopStreams: STREAMS_PER_CONNECTION_MAX,
    maxOutboundHopStreams: STREAMS_PER_CONNECTION_MAX,
    maxOutboundStopStreams: STREAMS_PER_CONNECTION_MAX,
  })
  const isPublic = options.relayServer === true || plan.isPublic
  return (components: Parameters<typeof make>[0] & RelayComponents) =>
    new RelayWhenPublic(
      { components, server: make(components) as CircuitRelayService & Startable },
      { isPublic },
    )
}

/** libp2p says only in its message what went wrong with which address. */
function listenError(error: unknown, options: Libp2pNetworkOptions): unknown {
  const text = error instanceof Error ? error.message : ''
  const systemCode = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|ENOTFOUND|EINVAL)\b/.exec(text)?.[1]
  if (systemCode === undefined) return error
  const named = new RegExp(`${systemCode}[^\\n]*?:(\\d{1,5})\\b`).exec(text)?.[1]
  const facts = { host: options.host, port: Number(named ?? options.port), cause: error }
  return systemCode === 'EADDRINUSE'
    ? new PortTakenError(facts)
    : new ListenFailedError({ ...facts, systemCode })
}
