import assert from 'node:assert/strict'
import { test } from 'node:test'
import { circuitRelayServer, RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { identify, identifyPush } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { RelayWhenPublic } from './relay-when-public.ts'
import { until } from './start-networks.suite.ts'

/** What of libp2p's inner address manager the test drives in the place of autonat. */
interface AddressManager {
  addObservedAddr(address: Multiaddr): void
  confirmObservedAddr(address: Multiaddr): void
}
type Host = Awaited<ReturnType<typeof startHost>>['host']

test('a node that learns that it is public relays from then on, and those connected hear of it', async () => {
  const { host, addresses } = await startHost({ isPublic: false })
  const peer = await startHost({ isPublic: false })
  try {
    await peer.host.dial(host.getMultiaddrs()[0] as never)
    await until(async () => (await protocolsOf(peer.host, host)).length > 0)
    assert.ok(!host.getProtocols().includes(RELAY_V2_HOP_CODEC))

    const observed = multiaddr('/ip4/1.2.3.4/tcp/4001')
    addresses().addObservedAddr(observed)
    assert.ok(!host.getProtocols().includes(RELAY_V2_HOP_CODEC), 'what nobody has checked does not count')
    addresses().confirmObservedAddr(observed)
    await until(() => host.getProtocols().includes(RELAY_V2_HOP_CODEC))
    await until(async () => (await protocolsOf(peer.host, host)).includes(RELAY_V2_HOP_CODEC))
  } finally {
    await Promise.all([host.stop(), peer.host.stop()])
  }
  assert.ok(!host.getProtocols().includes(RELAY_V2_HOP_CODEC))
})

test('a node that knows it at the start relays at once, and one that never learns it does not', async () => {
  const known = await startHost({ isPublic: true })
  assert.ok(known.host.getProtocols().includes(RELAY_V2_HOP_CODEC))
  await known.host.stop()
  const home = await startHost({ isPublic: false })
  home.addresses().confirmObservedAddr(multiaddr('/ip4/192.168.1.5/tcp/4001'))
  assert.ok(!home.host.getProtocols().includes(RELAY_V2_HOP_CODEC))
  await home.host.stop()
})

async function protocolsOf(of: Host, who: Host): Promise<string[]> {
  return (await of.peerStore.get(who.peerId)).protocols
}

async function startHost(options: { isPublic: boolean }) {
  let manager: AddressManager | undefined
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      identifyPush: identifyPush({ debounce: 10 } as never),
      relay: (components) => {
        manager = components.addressManager
        return new RelayWhenPublic({ components, server: circuitRelayServer()(components) as never }, options)
      },
    },
  })
  return {
    host,
    addresses: () => {
      if (manager === undefined) throw new Error('The host has no addresses.')
      return manager
    },
  }
}
