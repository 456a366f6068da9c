import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Libp2p } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import { encodeCanonical } from '../../core/encoding.ts'
import { silentLogger } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import { SeededRandom } from '../../core/random.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { VirtualClock } from '../../core/virtual-clock.ts'
import type { Candidate, ConnectionKeeper } from '../connection-keeper.ts'
import { PeerExchange } from './peer-exchange.ts'

const HOUR_MS = 3_600_000
const random = new SeededRandom(7)
const keys = await Promise.all(
  Array.from({ length: 6 }, () => generateKeyPairFromSeed('Ed25519', random.bytes(32))),
)
const peers = keys.map((key) => peerIdFromPrivateKey(key))

/** An exchange among peers of whom the first few are connected; all give the same answer, or none. */
function createExchange(connected: number, answer: readonly Uint8Array[] | undefined) {
  const clock = new VirtualClock()
  const open = peers.slice(0, connected)
  const metrics = createMetrics({ processMetrics: false })
  const offered: (PeerId | undefined)[] = []
  let asked = 0
  const host = {
    peerId: peers.at(-1),
    getPeers: () => open,
    getConnections: (peer: (typeof peers)[number]) => (open.some((one) => one.equals(peer)) ? [{}] : []),
    peerStore: { consumePeerRecord: async () => true },
  }
  const exchange = new PeerExchange(
    {
      host: host as unknown as Libp2p,
      privateKey: keys[0] as (typeof keys)[number],
      clock,
      random: new SeededRandom(1),
      log: silentLogger,
      metrics,
      keeper: { offer: ({ peer }: Candidate) => offered.push(peer) } as unknown as ConnectionKeeper,
      request: async function* () {
        asked++
        if (answer === undefined) throw new Error('no answer')
        yield encodeCanonical(answer)
      },
    },
    { intervalMs: HOUR_MS },
  )
  return { exchange, clock, metrics, offered, asked: () => asked }
}

test('whoever has few connections asks for more within seconds, who has several at the usual times [K-21] [K-66]', async () => {
  for (const [connected, times] of [
    [3, 1],
    [4, 0],
  ] as const) {
    const stopping = new AbortController()
    const { exchange, clock, asked } = createExchange(connected, [])
    const running = exchange.run(stopping.signal)
    await clock.advance(7_000)
    assert.equal(asked(), times, `with ${connected} connections`)
    stopping.abort()
    await running
  }
})

test('a peer that does not answer is asked ever less often [K-66]', async () => {
  const stopping = new AbortController()
  const { exchange, clock, asked } = createExchange(1, undefined)
  const running = exchange.run(stopping.signal)
  await clock.advance(10 * 60_000)
  assert.ok(asked() >= 4 && asked() <= 8, `${asked()} times in ten minutes`)
  stopping.abort()
  await running
})

test('of whom an answer tells, those that are connected already are not looked at [K-66]', async () => {
  const [connectedKey, newKey] = [keys[0], keys[4]] as [(typeof keys)[number], (typeof keys)[number]]
  // Its signature is broken: whoever checked it would count a refusal.
  const known = (await sealed(connectedKey)).fill(0, -8)
  const { exchange, metrics, offered } = createExchange(1, [known, await sealed(newKey)])
  await exchange.ask(String(peers[0]) as PeerId, new AbortController().signal)
  assert.deepEqual(offered, [String(peers[4])])
  assert.equal(await metrics.total('kizuna_peer_exchange_refusals_total'), 0)
})

async function sealed(key: (typeof keys)[number]): Promise<Uint8Array> {
  const record = new PeerRecord({
    peerId: peerIdFromPrivateKey(key),
    multiaddrs: [multiaddr('/ip4/192.0.2.1/tcp/4001')],
  })
  return (await RecordEnvelope.seal(record, key)).marshal()
}
