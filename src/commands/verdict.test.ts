/** What a node says of itself as a whole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type VerdictFacts, verdictOf } from './verdict.ts'

const WELL: VerdictFacts = {
  members: 4,
  copies: 3,
  kept: 5,
  durability: { objects: 5, belowTarget: 0, unreadable: 0 },
  degraded: [],
  health: [
    { name: 'disk', state: 'ok' },
    { name: 'repair', state: 'ok' },
  ],
}
const said = (facts: Partial<VerdictFacts>) => {
  const { state, findings } = verdictOf({ ...WELL, ...facts })
  return [state, findings.map(({ finding }) => finding).join(' ')]
}

test('a node is well when nothing is wrong, and says when it is alone', () => {
  assert.deepEqual(said({}), ['well', 'All is well.'])
  const [state, text = ''] = said({ members: 1 })
  assert.equal(state, 'alone')
  assert.match(text, /^All is well, but this node is the only member.*`kizuna invite`/)
})

test('alone with too few copies: nothing is broken, why copies are missing, and what to do', () => {
  const [state, text] = said({ members: 1, durability: { objects: 1, belowTarget: 1, unreadable: 0 } })
  assert.equal(state, 'alone')
  assert.equal(
    text,
    'Nothing is broken. 1 thing has fewer copies than wanted, because this node is the only member. `kizuna invite` makes a link for another machine.',
  )
})

test('with too few members for the copies it says how many there are; with enough, that it heals', () => {
  const durability = { objects: 5, belowTarget: 3, unreadable: 0 }
  // The part `repair` says the same and is not named once more.
  const health: VerdictFacts['health'] = [{ name: 'repair', state: 'degraded' }]
  const [few, because = ''] = said({ members: 2, durability, health })
  assert.equal(few, 'healing')
  assert.match(
    because,
    /^Nothing is broken\. 3 things have fewer.*has 2 members and 3 copies are wanted\. `kizuna invite`/,
  )
  const [state, text = ''] = said({ members: 3, durability, health })
  assert.equal(state, 'healing')
  assert.match(text, /^Nothing is broken\. 3 things have fewer copies than wanted for now; more are made/)
  assert.doesNotMatch(text, /invite|repair/)
})

test('what failed comes first, is not called well or unbroken, and is named once', () => {
  const health: VerdictFacts['health'] = [
    { name: 'disk', state: 'degraded' },
    { name: 'network', state: 'down' },
    { name: 'records', state: 'down' },
    { name: 'repair', state: 'down' },
    { name: 'discord', state: 'degraded' },
  ]
  const [state, text] = said({
    members: 1,
    degraded: ['disk-nearly-full', 'not-listening'],
    durability: { objects: 5, belowTarget: 2, unreadable: 1 },
    health,
  })
  assert.equal(state, 'failing')
  assert.equal(
    text,
    'Needs a look: disk-nearly-full, not-listening. `kizuna doctor` says what to do. Does not work: records. 1 thing cannot be read now: too few copies can be reached. Does not work fully: discord. 2 things have fewer copies than wanted, because this node is the only member. `kizuna invite` makes a link for another machine.',
  )
})

test('a part that works less than fully is neither a failure nor well', () => {
  const [state, text] = said({ health: [{ name: 'network', state: 'degraded' }] })
  assert.deepEqual([state, text], ['impaired', 'Does not work fully: network.'])
})

test('before copies are counted it does not say that all is well; alone there is nothing to count', () => {
  const durability = { objects: 0, belowTarget: 0, unreadable: 0 }
  assert.deepEqual(said({ durability }), [
    'well',
    'Nothing is broken. The copies are not counted yet; a running node does it within seconds.',
  ])
  assert.deepEqual(said({ durability, kept: 0 }), ['well', 'All is well.'])
  assert.match(said({ durability, members: 1 })[1] ?? '', /^All is well, but this node is the only member/)
})
