import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { toProviderViews } from './provider-view.ts'

const peer = signingKeyFromSeed(new Uint8Array(32).fill(1)).peerId
const other = signingKeyFromSeed(new Uint8Array(32).fill(2)).peerId

test('a provider is shown by node_id, ip and port, one entry per address [B-38]', () => {
  const addresses = [
    `/ip4/192.0.2.7/tcp/4001/p2p/${peer}`,
    '/ip4/192.0.2.7/tcp/4001',
    '/ip6/2001:db8::7/tcp/9000',
  ]
  assert.deepEqual(toProviderViews({ peer, addresses }), [
    { node_id: peer, ip: '192.0.2.7', port: 4001 },
    { node_id: peer, ip: '2001:db8::7', port: 9000 },
  ])
})

test('what is not an address of the peer itself is left out [B-38]', () => {
  const addresses = [
    `/ip4/198.51.100.1/tcp/4001/p2p/${other}/p2p-circuit/p2p/${peer}`,
    `/ip4/198.51.100.1/tcp/4001/p2p/${other}`,
    '/dns4/example.org/tcp/4001',
    '/ip4/192.0.2.7/udp/4001/quic-v1',
    '/ip4/192.0.2.7/tcp/4002/ws',
    `/ip4/192.0.2.7/tcp/4003/tls/ws/p2p/${peer}`,
    '/ip6/2001:db8::7/tcp/443/wss',
    'nonsense',
    '',
  ]
  assert.deepEqual(toProviderViews({ peer, addresses }), [])
  const many = Array.from({ length: 100 }, (_, index) => `/ip4/192.0.2.7/tcp/${index + 1}`)
  assert.equal(toProviderViews({ peer, addresses: many }).length, 16)
})
