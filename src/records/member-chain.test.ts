import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom, shuffled } from '../core/random.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { makeInvite } from './invite.ts'
import { type ChainInput, computeMembers } from './member-chain.ts'
import type { AdmissionPeriod, MemberStatement, Revocation } from './membership-records.ts'
import type { RecordId } from './record.ts'
import { spaceIdOf } from './space.ts'

const keys: SigningKey[] = Array.from({ length: 12 }, (_, index) =>
  signingKeyFromSeed(new Uint8Array(32).fill(index + 1)),
)
const [founder, a, b, c, d] = keys.map(({ peerId }) => peerId) as [PeerId, PeerId, PeerId, PeerId, PeerId]
const space = spaceIdOf(founder, new Uint8Array(16))
let count = 0

function say(
  author: PeerId,
  subject: PeerId,
  at: number,
  change: Partial<MemberStatement> = {},
): MemberStatement {
  const id = (count++).toString(16).padStart(64, '0') as RecordId
  return {
    author,
    subject,
    role: 'member',
    formerRole: 'none',
    label: subject.slice(-4),
    joinedAt: at,
    basis: 'open',
    invite: undefined,
    createdAt: at,
    id,
    ...change,
  }
}

const word = (role: MemberStatement['role'], formerRole: MemberStatement['formerRole'] = 'none') =>
  ({ role, formerRole, basis: 'word' }) as const

function inviteBy(index: number, uses: 'single' | 'many', expiresAt = 1_000) {
  const key = keys[index] as SigningKey
  const secret = new Uint8Array(16).fill(count++)
  return makeInvite(key, { space, spaceName: '', addresses: [], expiresAt, uses, secret }).terms
}

function members(
  statements: MemberStatement[],
  change: { periods?: AdmissionPeriod[]; revocations?: Revocation[] } = {},
): PeerId[] {
  const input: ChainInput = {
    founder,
    founderLabel: 'f',
    foundedAt: 0,
    statements,
    periods: change.periods ?? [{ since: 0, admission: 'open' }],
    revocations: change.revocations ?? [],
  }
  return [...computeMembers(input).members.keys()].sort()
}

const sorted = (...peers: PeerId[]) => [...peers].sort()

test('a chain of certificates to the founder makes members, and a loose one does not', () => {
  assert.deepEqual(members([]), [founder])
  assert.deepEqual(members([say(founder, a, 1), say(a, b, 2), say(b, c, 3)]), sorted(founder, a, b, c))
  assert.deepEqual(members([say(b, c, 3), say(c, b, 3)]), [founder], 'two who certify each other')
})

test('the word of the founder decides, and that of admins about all but the founder and admins', () => {
  const admin = say(founder, a, 1, word('admin'))
  assert.deepEqual(
    members([admin, say(a, b, 2), say(a, b, 3, word('removed', 'member'))]),
    sorted(founder, a),
  )
  assert.deepEqual(members([admin, say(a, founder, 3, word('removed'))]), sorted(founder, a))
  assert.deepEqual(
    members([admin, say(founder, b, 1, word('admin')), say(b, a, 3, word('removed'))]),
    sorted(founder, a, b),
  )
  assert.deepEqual(
    members([say(founder, b, 1), say(b, a, 2, word('member'))]),
    sorted(founder, b),
    'no word without authority',
  )
  assert.deepEqual(members([say(founder, b, 1), say(b, founder, 2, word('removed'))]), sorted(founder, b))
  assert.deepEqual(members([admin, say(a, b, 2, word('admin'))]), sorted(founder, a), 'admins make no admins')
})

test('the newest word counts, so that a removed member can be let in again only by word', () => {
  const history = [say(founder, a, 1), say(a, b, 2), say(founder, b, 5, word('removed', 'member'))]
  assert.deepEqual(members(history), sorted(founder, a))
  assert.deepEqual(members([...history, say(a, b, 9)]), sorted(founder, a))
  const admin = say(founder, c, 3, word('admin'))
  assert.deepEqual(
    members([...history, admin, say(c, b, 9, word('member', 'none'))]),
    sorted(founder, a, b, c),
  )
  assert.deepEqual(members([...history, admin, say(c, b, 4, word('member', 'none'))]), sorted(founder, a, c))
})

test('what a member certified before its removal holds, what it certified after does not', () => {
  const history = [say(founder, a, 1), say(founder, a, 5, word('removed', 'member'))]
  assert.deepEqual(members([...history, say(a, b, 4), say(a, c, 5), say(a, d, 6)]), sorted(founder, b))
  // A former admin's word holds until the role was taken away.
  const former = say(founder, a, 5, word('member', 'admin'))
  const statements = [former, say(a, b, 2, word('member')), say(a, c, 6, word('member'))]
  assert.deepEqual(members(statements), sorted(founder, a, b))
})

test('wasMember says when somebody belonged', () => {
  const chain = computeMembers({
    founder,
    founderLabel: '',
    foundedAt: 0,
    statements: [say(founder, a, 1), say(founder, a, 5, word('removed', 'member')), say(founder, b, 1)],
    periods: [{ since: 0, admission: 'open' }],
    revocations: [],
  })
  assert.deepEqual([chain.wasMember(a, 4), chain.wasMember(a, 5)], [true, false])
  assert.equal(chain.wasMember(b, 1e15), true)
  assert.equal(chain.wasMember(c, 4), false)
})

test('in a closed space only an invite by a member lets in, before its end, unrevoked, and a single one once', () => {
  const closed = {
    periods: [
      { since: 0, admission: 'open' as const },
      { since: 10, admission: 'invite' as const },
    ],
  }
  assert.deepEqual(members([say(founder, a, 9), say(founder, b, 10)], closed), sorted(founder, a))
  const many = inviteBy(0, 'many')
  const by = (author: PeerId, subject: PeerId, at: number, invite: MemberStatement['invite']) =>
    say(author, subject, at, { basis: 'invite', invite })
  assert.deepEqual(
    members([say(founder, a, 9), by(a, b, 20, many), by(founder, c, 21, many)], closed),
    sorted(founder, a, b, c),
  )
  assert.deepEqual(members([by(founder, b, 20, inviteBy(0, 'many', 19))], closed), [founder], 'expired')
  assert.deepEqual(members([by(founder, b, 20, inviteBy(3, 'many'))], closed), [founder], 'by a stranger')
  const single = inviteBy(0, 'single')
  assert.deepEqual(
    members([by(founder, c, 21, single), by(founder, b, 20, single)], closed),
    sorted(founder, b),
    'twice',
  )
  const revoked = { ...closed, revocations: [{ author: founder, inviteId: many.id, createdAt: 20 }] }
  assert.deepEqual(members([by(founder, b, 19, many), by(founder, c, 20, many)], revoked), sorted(founder, b))
  const idle = { ...closed, revocations: [{ author: d, inviteId: many.id, createdAt: 1 }] }
  assert.deepEqual(
    members([by(founder, b, 19, many)], idle),
    sorted(founder, b),
    'a stranger revokes nothing',
  )
})

test('whatever the order of the statements, the members are the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), (seed) => {
      const random = new SeededRandom(seed)
      const peer = () => (keys[random.integer(6)] as SigningKey).peerId
      const roles = ['member', 'admin', 'removed'] as const
      const statements: MemberStatement[] = []
      for (let index = 0; index < 40; index++) {
        const [author, subject] = [peer(), peer()]
        if (author === subject || subject === founder) continue
        const choice = random.integer(3)
        const change =
          choice === 0
            ? word(roles[random.integer(3)] as 'member', 'member')
            : choice === 1
              ? {
                  basis: 'invite' as const,
                  invite: inviteBy(random.integer(6), random.integer(2) === 0 ? 'single' : 'many'),
                }
              : {}
        statements.push(say(author, subject, random.integer(30), change))
      }
      const periods = [
        { since: 0, admission: 'open' as const },
        { since: 15, admission: 'invite' as const },
      ]
      const expected = describe(statements)
      for (let round = 0; round < 3; round++) assert.equal(describe(shuffled(random, statements)), expected)

      function describe(list: MemberStatement[]): string {
        const chain = computeMembers({
          founder,
          founderLabel: '',
          foundedAt: 0,
          statements: list,
          periods,
          revocations: [],
        })
        const all = keys.map(({ peerId }) => [
          chain.members.get(peerId) ?? null,
          [5, 15, 25].map((at) => chain.wasMember(peerId, at)),
        ])
        return JSON.stringify(all)
      }
    }),
    { numRuns: 200 },
  )
})
