import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { MembersNow } from './counting-members.ts'
import { lossAgesMs, MeasuredRepairs } from './measured-repairs.ts'

const [first, second] = [contentIdOf(Buffer.from('first')), contentIdOf(Buffer.from('second'))]

/** Members by name, each away for so long; `awaited` are waited for all the same unless it is urgent. */
function membersAway(awayMs: Record<string, number>, awaited: readonly string[] = []): MembersNow {
  const here = Object.keys(awayMs).filter((peer) => awayMs[peer] === 0) as PeerId[]
  return {
    counting: new Set(here),
    awaited: new Set([...here, ...awaited]),
    awayMsOf: (peer: PeerId) => awayMs[peer],
  } as unknown as MembersNow
}

function keepers(table: Record<string, string[]>): (id: string) => PeerId[] {
  return (id) => (table[id] ?? []) as PeerId[]
}

test('each copy made again is measured from its own loss, not from the newest of all [R-20]', () => {
  const members = membersAway({ oak: 0, elm: 7_000, ash: 5_000 })
  const keepersOf = keepers({ [first]: ['elm'], [second]: ['ash'] })
  assert.deepEqual(lossAgesMs([first, second], keepersOf, members, false), [7_000, 5_000])
  assert.deepEqual(lossAgesMs([first], keepersOf, members, false), [7_000])
})

test('of losses that were made good before, the newest is the one that is repaired now', () => {
  const members = membersAway({ oak: 0, elm: 90_000, ash: 5_000, yew: 1_000 })
  const keepersOf = keepers({ [first]: ['oak', 'elm', 'ash', 'yew'] })
  assert.deepEqual(lossAgesMs([first], keepersOf, members, false), [1_000])
  assert.deepEqual(lossAgesMs([first, first], keepersOf, members, false), [1_000, 5_000])
})

test('who is waited for has lost nothing, unless it is urgent; who had many chunks is told once', () => {
  const members = membersAway({ oak: 0, elm: 7_000 }, ['elm'])
  const keepersOf = keepers({ [first]: ['elm', 'oak'], [second]: ['elm'] })
  assert.deepEqual(lossAgesMs([first, second], keepersOf, members, false), [])
  assert.deepEqual(lossAgesMs([first, second], keepersOf, members, true), [7_000])
  assert.deepEqual(lossAgesMs([first], keepers({}), members, true), [])
})

test('the mean follows what is measured, calm and urgent apart', () => {
  const measured = new MeasuredRepairs(1_000)
  for (let time = 0; time < 200; time++) measured.note('calm', 5_000)
  assert.ok(Math.abs(measured.meanMs.calm - 5_000) < 1)
  assert.equal(measured.meanMs.urgent, 1_000)
})
