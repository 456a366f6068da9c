import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { InvalidInputError } from '../core/errors.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import {
  addressesOf,
  looksLikeAddress,
  parseAddress,
  reachOf,
  sortByReach,
  withoutRelayJunk,
} from './peer-address.ts'

const peer = signingKeyFromSeed(new Uint8Array(32).fill(1)).peerId
const other = signingKeyFromSeed(new Uint8Array(32).fill(2)).peerId

test('reads host:port and multiaddresses as bootstrap entries [B-45] [S-72]', () => {
  const cases = {
    '192.0.2.1:4001': '/ip4/192.0.2.1/tcp/4001',
    '[2001:db8::1]:4001': '/ip6/2001:db8::1/tcp/4001',
    'node.example.org:4001': '/dns/node.example.org/tcp/4001',
    'localhost:4001': '/dns/localhost/tcp/4001',
    [`/ip4/192.0.2.1/tcp/4001/p2p/${peer}`]: `/ip4/192.0.2.1/tcp/4001/p2p/${peer}`,
    '/ip4/192.0.2.1/tcp/4001/ws': '/ip4/192.0.2.1/tcp/4001/ws',
    '/dns4/node.example.org/tcp/4001': '/dns4/node.example.org/tcp/4001',
    [`/ip4/192.0.2.1/tcp/1/p2p/${other}/p2p-circuit/p2p/${peer}`]: `/ip4/192.0.2.1/tcp/1/p2p/${other}/p2p-circuit/p2p/${peer}`,
    [`/p2p/${other}/p2p-circuit/p2p/${peer}`]: `/p2p/${other}/p2p-circuit/p2p/${peer}`,
  }
  for (const [text, expected] of Object.entries(cases)) {
    const target = parseAddress(text)
    assert.equal(target.address.toString(), expected)
    assert.equal(target.peer, expected.endsWith(peer) ? peer : undefined)
    assert.equal(parseAddress(target.address.toString()).address.toString(), expected)
  }
})

test('refuses what is no address [S-72] [B-45]', () => {
  for (const text of [
    '',
    '/',
    'nonsense',
    '/nonsense',
    'host',
    'host:0',
    'host:65536',
    '999.1.1.1:4001',
    'a b:4001',
    '[host]:4001',
    '/ip4/999.1.1.1/tcp/4001',
    '/ip4/192.0.2.1/tcp/99999',
    '/unix/etc/passwd',
    `/p2p/${peer}`,
    '/ip4/192.0.2.1/tcp/4001/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
    '/ip4/192.0.2.1/tcp/4001/p2p/12D3',
    `/ip4/192.0.2.1${'/tcp/1'.repeat(1_000)}`,
  ]) {
    assert.throws(() => parseAddress(text), InvalidInputError, text.slice(0, 60))
  }
})

test('a hostile address gives a typed error or an address that prints and reads the same [S-72]', () => {
  const part = fc.constantFrom(
    'ip4',
    'ip6',
    'tcp',
    'udp',
    'ws',
    'dns',
    'dnsaddr',
    'p2p',
    'p2p-circuit',
    '127.0.0.1',
    '::1',
    '1',
    '65536',
    peer,
    'x',
    '',
    '%00',
    '⚡',
  )
  const texts = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 100 }).map((text) => `/${text}`),
    fc.array(part, { maxLength: 12 }).map((parts) => `/${parts.join('/')}`),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const printed = parseAddress(text).address.toString()
        assert.equal(parseAddress(printed).address.toString(), printed)
      } catch (error) {
        assert.ok(error instanceof InvalidInputError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('takes of a list of addresses those that lead to the peer, and no more than the limit', () => {
  const texts = [
    '/ip4/192.0.2.1/tcp/1',
    '/ip4/192.0.2.1/tcp/1',
    'rubbish',
    `/ip4/192.0.2.2/tcp/1/p2p/${other}`,
    `/ip4/192.0.2.3/tcp/1/p2p/${peer}`,
    '/ip4/192.0.2.4/tcp/1',
  ]
  assert.deepEqual(addressesOf(peer, texts, 2).map(String), [
    `/ip4/192.0.2.1/tcp/1/p2p/${peer}`,
    `/ip4/192.0.2.3/tcp/1/p2p/${peer}`,
  ])
})

test('sorts by how far an address reaches', () => {
  const relayed = `/ip4/11.0.0.1/tcp/1/p2p/${other}/p2p-circuit`
  const order = ['/ip4/11.0.0.1/tcp/1', '/ip4/192.168.1.2/tcp/1', relayed, '/ip4/127.0.0.1/tcp/1']
  assert.deepEqual(sortByReach(order.toReversed().map((text) => multiaddr(text))).map(String), order)
  assert.deepEqual(
    order.map((text) => reachOf(multiaddr(text))),
    [0, 1, 2, 3],
  )
})

test('of the addresses through one relay only those with the widest reach are told', () => {
  const through = (hop: string, relay: string) => multiaddr(`${hop}/p2p/${relay}/p2p-circuit/p2p/${peer}`)
  const good = through('/ip4/11.0.0.1/tcp/1', other)
  const junk = [through('/ip4/127.0.0.1/tcp/1', other), through('/ip4/192.168.1.1/tcp/1', other)]
  const own = multiaddr('/ip4/127.0.0.1/tcp/2')
  assert.deepEqual(withoutRelayJunk([own, ...junk, good]), [own, good])
  const third = signingKeyFromSeed(new Uint8Array(32).fill(3)).peerId
  const onlyLoopback = through('/ip4/127.0.0.1/tcp/1', third)
  assert.deepEqual(withoutRelayJunk([onlyLoopback, good, ...junk]), [onlyLoopback, good])
})

test('a relay known by its id only, and one that is not named at all, are told as they are', () => {
  const byId = multiaddr(`/p2p/${other}/p2p-circuit/p2p/${peer}`)
  const nameless = multiaddr(`/p2p-circuit/p2p/${peer}`)
  assert.deepEqual(withoutRelayJunk([byId, nameless]), [byId, nameless])
  assert.equal(reachOf(multiaddr(`/p2p/${other}`)), 0, 'nothing is known against it')
})

test('of equal reach plain TCP comes before a WebSocket', () => {
  const plain = multiaddr('/ip4/11.0.0.1/tcp/2')
  const web = multiaddr('/ip4/11.0.0.1/tcp/1/ws')
  assert.deepEqual(sortByReach([web, plain]), [plain, web])
  assert.deepEqual(sortByReach([plain, web]), [plain, web])
})

test('an address is told from a peer id by its form', () => {
  for (const text of ['/dns/node.example.org/tcp/1', 'node.example.org:4001', '[::1]:4001']) {
    assert.equal(looksLikeAddress(text), true, text)
  }
  assert.equal(looksLikeAddress(peer), false)
})
