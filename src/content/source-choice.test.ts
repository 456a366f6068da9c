/**
 * Choosing is written so that it makes nothing anew at each question. What it has to say is written down here the plain
 * way, with lists, and both are asked about many states of peers and requests.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { SeededRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import { type Attempt, newWish } from './chunk-wish.ts'
import { PeerDoubts } from './peer-doubts.ts'
import { SourceChoice } from './source-choice.ts'
import { type Source, SourcePool } from './source-pool.ts'

const ROUNDS = 400
const SLOW_FACTOR = 4
const PEERS_MAX = 2

describe('choosing whom to ask', () => {
  test('the best peer is the one that a plain search through all finds', async () => {
    const found = new Set<string>()
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const { pool, clock, choice, wishes } = await anyState(seed)
      const moment = choice.moment()
      const activePeers = choice.activePeers(wishes, moment)
      for (const wish of wishes) {
        const all = [...pool.all()].filter(
          (source) => pool.canServe(source, wish.id) && pool.has(source, wish.id) === 'yes',
        )
        const reliable = all.filter((source) => !pool.isSetAside(source))
        const holders = reliable.length > 0 ? reliable : all
        const fastest = Math.min(...holders.map(({ chunkMs }) => chunkMs ?? Infinity))
        const waitOf = ({ inFlight, chunkMs }: Source) => (inFlight + 1) * (chunkMs ?? 1)
        const [best] = holders
          .filter(({ retryAt, inFlight, limit }) => retryAt <= clock.monotonic() && inFlight < limit)
          .filter(({ inFlight }) => inFlight > 0 || activePeers < PEERS_MAX)
          .filter(({ chunkMs }) => !((chunkMs ?? 0) > fastest * SLOW_FACTOR))
          .filter((source) => wish.attempts.every((attempt) => attempt.source !== source))
          .sort(
            (a, b) =>
              pool.doubtsOf(a) - pool.doubtsOf(b) ||
              Number(pool.isProven(b)) - Number(pool.isProven(a)) ||
              waitOf(a) - waitOf(b),
          )
        assert.equal(choice.best(wish, wishes, moment), best, `seed ${seed}`)
        if (best === undefined) continue
        found.add(best.peer)
        assert.ok(choice.someFree(moment), `seed ${seed}`)
      }
    }
    assert.ok(found.size > 3, 'the states tried were too plain')
  })

  test('a chunk needs another peer when nobody sends it and a proven one could', async () => {
    let needed = 0
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const { pool, choice, wishes } = await anyState(seed)
      const moment = choice.moment()
      for (const wish of wishes) {
        const { attempts, id } = wish
        const couldGive = [...pool.all()].some(
          (source) => pool.isProven(source) && pool.canServe(source, id) && pool.has(source, id) === 'yes',
        )
        const isLeft = attempts.every((attempt) => choice.isQuiet(attempt, moment))
        const expected = attempts.length === 0 || (isLeft && couldGive)
        assert.equal(choice.needsAnother(wish, moment), expected, `seed ${seed}`)
        if (expected && attempts.length > 0) needed++
        const sources = [...pool.all()].filter((source) => pool.canServe(source, id)).length
        assert.equal(choice.countSources(wish), sources, `seed ${seed}`)
        assert.equal(choice.countSources(wish, 1), Math.min(sources, 1), `seed ${seed}`)
      }
    }
    assert.ok(needed > 10, 'the states tried were too plain')
  })
})

/** Up to six peers in any condition, and four chunks of which some are under way. */
async function anyState(seed: number) {
  const random = new SeededRandom(seed)
  const clock = new VirtualClock()
  await clock.advance(10_000)
  const network = new MemoryNetworkHub({ clock, random }).createNetwork(keyOf(0))
  const ids = ['one', 'two', 'three', 'four'].map((word) => contentIdOf(Buffer.from(word)))
  const kept = new Set<string>()
  const doubts = new PeerDoubts(clock)
  const chance = (share: number) => random.fraction() < share
  const pool = new SourcePool(
    { network, clock, random, doubts, keeps: (peer, id) => kept.has(`${peer} ${id}`) },
    ids,
    { onChange: () => {}, onHint: () => {}, onMisbehaved: () => {}, signal: new AbortController().signal },
  )
  for (let index = 1; index <= 1 + random.integer(6); index++)
    pool.add(keyOf(index).peerId, { knownHolder: true })
  for (const source of pool.all()) {
    for (const id of ids) if (chance(0.7)) kept.add(`${source.peer} ${id}`)
    if (chance(0.6)) pool.noteGood(source, 10 + random.integer(200))
    if (chance(0.3)) for (let count = random.integer(4); count > 0; count--) pool.doubt(source)
    source.limit = 1 + random.integer(4)
    source.movedAt = chance(0.5) ? clock.monotonic() - random.integer(2_000) : -Infinity
    source.down = chance(0.1)
    source.excluded = chance(0.1) ? 'refused' : undefined
    source.retryAt = chance(0.2) ? clock.monotonic() + 1 : 0
  }
  const wishes = ids.map((id, order) => newWish(id, order))
  for (const source of pool.all()) {
    for (const wish of wishes) if (chance(0.3)) wish.attempts.push(attemptOf(source))
  }
  return { pool, clock, wishes, choice: new SourceChoice({ clock, pool }, { peersMax: PEERS_MAX }) }

  function attemptOf(source: Source): Attempt {
    source.inFlight++
    const startedAt = clock.monotonic() - random.integer(2_000)
    const movedAt = chance(0.5) ? startedAt : startedAt + random.integer(500)
    return { source, controller: new AbortController(), startedAt, movedAt, unmarked: 0, doubted: false }
  }
}

function keyOf(index: number) {
  return signingKeyFromSeed(Buffer.alloc(32, index))
}
