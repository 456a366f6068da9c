import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { MembersNow } from './counting-members.ts'
import { lossMargin } from './match-shards.ts'
import { durabilityOf } from './object-durability.ts'
import { groupsOf } from './plan-copies.ts'

const HOUR_MS = 3_600_000
const idOf = (name: string) => contentIdOf(Buffer.from(name))
const peers = (...names: string[]) => names as unknown as PeerId[]
const root = idOf('root')
const rates = { leavesPerDay: 0.01, repairMs: { calm: HOUR_MS, urgent: HOUR_MS } }

function durability(
  holders: ReadonlyMap<ContentId, PeerId[]>,
  options: {
    policy?: Parameters<typeof groupsOf>[1]
    domains?: Record<string, string>
    uptime?: number
  } = {},
) {
  const policy = options.policy ?? ({ kind: 'replica', copies: 3 } as const)
  const others = [...holders.keys()].filter((id) => id !== root)
  const shape = {
    root,
    pageIds: [],
    dataIds: policy.kind === 'rs' ? others.slice(0, policy.k) : others,
    stripes: policy.kind === 'rs' ? [others] : [],
  }
  const members = {
    failureDomainOf: (peer: PeerId) => options.domains?.[String(peer)] ?? peer,
    uptimeOf: () => options.uptime ?? 0.9,
  } as Pick<MembersNow, 'failureDomainOf' | 'uptimeOf'> as MembersNow
  return durabilityOf(
    { root, publisher: 'a' as unknown as PeerId, policy, sizeBytes: 1 },
    groupsOf(shape, policy),
    (id) => holders.get(id) ?? [],
    {
      self: 'a' as unknown as PeerId,
      members,
      proofs: { lastProved: (peer) => ({ b: 100, c: 50 })[String(peer)] },
      rates,
    },
  )
}

test('copies: the least-copied chunk counts, with its margin, domains, proofs and odds [S-56]', () => {
  const found = durability(
    new Map([
      [root, peers('a', 'b', 'c')],
      [idOf('one'), peers('a', 'b', 'c')],
      [idOf('two'), peers('a', 'b')],
    ]),
  )
  assert.deepEqual(
    [found.confirmed, found.target, found.needed, found.margin, found.domains],
    [2, 3, 1, 1, 2],
  )
  assert.deepEqual([found.provedBy, found.lastProvedAt], [2, 50])
  assert.ok(found.unreadableShare > 0.0099 && found.unreadableShare < 0.012)
  assert.ok(found.lossOddsPerYear > 0 && found.lossOddsPerYear < 1e-2)
})

test('copies in one failure domain are lost together: the odds say so', () => {
  const holders = new Map([
    [root, peers('a', 'b', 'c')],
    [idOf('one'), peers('a', 'b', 'c')],
  ])
  const spread = durability(holders)
  const together = durability(holders, { domains: { a: 'home', b: 'home', c: 'home' } })
  assert.deepEqual([spread.domains, together.domains], [3, 1])
  assert.equal(together.confirmed, 3)
  assert.ok(together.lossOddsPerYear > 10 * spread.lossOddsPerYear)
})

test('shards: those on distinct peers count, and k of them are needed [S-56]', () => {
  const names = 'abcdef'.split('')
  const policy = { kind: 'rs', k: 4, m: 2 } as const
  const holders = new Map<ContentId, PeerId[]>([[root, peers(...names)]])
  for (const name of names) holders.set(idOf(`shard ${name}`), peers(name))
  const whole = durability(holders, { policy })
  assert.deepEqual([whole.confirmed, whole.target, whole.needed, whole.margin], [6, 6, 4, 2])
  holders.set(idOf('shard f'), [])
  const weaker = durability(holders, { policy })
  assert.deepEqual([weaker.confirmed, weaker.margin], [5, 1])
  assert.ok(weaker.lossOddsPerYear > whole.lossOddsPerYear)
  assert.ok(weaker.unreadableShare > whole.unreadableShare)
})

test('what nobody holds is lost, and cannot be read', () => {
  const found = durability(
    new Map([
      [root, peers('a')],
      [idOf('one'), []],
    ]),
  )
  assert.deepEqual([found.margin, found.lossOddsPerYear, found.unreadableShare], [-1, 1, 1])
})

test('the margin where no shard is held twice is that of losing whoever holds most first', () => {
  const exact = (holders: readonly string[], needed: number): number => {
    const names = [...new Set(holders)]
    let best = names.length + 1
    for (let mask = 0; mask < 2 ** names.length; mask++) {
      const gone = new Set(names.filter((_, place) => (mask >> place) & 1))
      if (holders.filter((name) => !gone.has(name)).length < needed) best = Math.min(best, gone.size)
    }
    return best > names.length ? names.length : best - 1
  }
  const holder = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  fc.assert(
    fc.property(fc.array(holder, { maxLength: 8 }), fc.integer({ min: 0, max: 8 }), (holders, needed) => {
      assert.equal(
        lossMargin(
          holders.map((name) => peers(name)),
          needed,
        ),
        exact(holders, needed),
      )
    }),
  )
})
