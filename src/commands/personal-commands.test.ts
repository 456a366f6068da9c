/** What people may know and say about themselves: history, privacy, feedback; and what the owner sees of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'
import type { Caller } from './command.ts'

const LIMIT = { timeout: 60_000 }
const OAK: Caller = { id: 'discord:oak', permission: 'member', group: 'discord:9' }
const ELM: Caller = { id: 'discord:elm', permission: 'member', group: 'discord:9' }
const STEWARD: Caller = { id: 'discord:ash', permission: 'steward', group: 'discord:9' }
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

test('history shows one’s own commands, and to stewards those of their community [A-85]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  await ask(node, 'ping', {}, { caller: OAK })
  await ask(node, 'list', {}, { caller: ELM })
  await ask(node, 'ping')
  const commandsOf = async (input: Record<string, unknown>, caller?: Caller) => {
    const { entries } = await ask(node, 'history', input, caller === undefined ? {} : { caller })
    return entries.map(({ command, caller }: Record<string, string>) => `${caller} ${command}`)
  }
  assert.deepEqual(await commandsOf({ command: 'ping' }, OAK), ['discord:oak ping'])
  assert.deepEqual(await commandsOf({ command: 'list', everybody: true }, STEWARD), ['discord:elm list'])
  assert.equal((await commandsOf({ command: 'ping', everybody: true }, STEWARD)).length, 1, 'not the owner’s')
  assert.equal((await commandsOf({ command: 'ping', everybody: true })).length, 2)
  await assert.rejects(commandsOf({ everybody: true }, OAK), withCode('PERMISSION_DENIED'))
  await assert.rejects(commandsOf({ caller: 'discord:elm' }, OAK), withCode('INVALID_INPUT'))
  const { commands } = await ask(node, 'history', { everybody: true, summary: true, since: '1h' })
  assert.ok(commands.some(({ command, count }: Record<string, unknown>) => command === 'ping' && count === 2))
})

test('privacy shows everything kept about a person and erases it on their word', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  await ask(node, 'feedback', { action: 'send', text: 'More trees.' }, { caller: OAK })
  await ask(node, 'share', { text: 'acorn', copies: 1 }, { caller: OAK })
  await ask(node, 'ping', {}, { caller: ELM })
  const mine = await ask(node, 'privacy', {}, { caller: OAK })
  assert.equal(mine.complete, true)
  assert.deepEqual(
    mine.kept.feedback.map(({ text }: Record<string, string>) => text),
    ['More trees.'],
  )
  assert.ok(mine.kept['command history'].length >= 2)
  assert.ok(mine.kept['audit log'].length >= 1)
  assert.ok(!JSON.stringify(mine).includes('discord:elm'))
  await assert.rejects(ask(node, 'privacy', { action: 'delete' }, { caller: OAK }), withCode('INVALID_INPUT'))
  const { erased } = await ask(node, 'privacy', { action: 'delete', confirm: true }, { caller: OAK })
  assert.equal(erased.feedback, 1)
  const left = await ask(node, 'privacy', {}, { caller: OAK })
  assert.deepEqual(
    left.kept['command history'].map(({ command }: Record<string, string>) => command),
    ['privacy'],
    'only that they asked for it',
  )
  assert.deepEqual(left.kept.feedback, [])
  assert.ok((await ask(node, 'privacy', {}, { caller: ELM })).kept['command history'].length > 0)
})

test('feedback reaches the owner, and nobody else reads it', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  const { id } = await ask(node, 'feedback', { text: 'The list should show dates.' }, { caller: OAK })
  await assert.rejects(
    ask(node, 'feedback', { action: 'list' }, { caller: STEWARD }),
    withCode('PERMISSION_DENIED'),
  )
  const { notes } = await ask(node, 'feedback', { action: 'list' })
  assert.deepEqual(
    [notes[0].caller, notes[0].group, notes[0].text],
    ['discord:oak', 'discord:9', 'The list should show dates.'],
  )
  assert.deepEqual(await ask(node, 'feedback', { action: 'remove', id }), { id, removed: true })
  assert.deepEqual(await ask(node, 'feedback', { action: 'remove', id }), { id, removed: false })
  await assert.rejects(ask(node, 'feedback', { action: 'send' }, { caller: OAK }), withCode('INVALID_INPUT'))
})

test('one person cannot fill the box', LIMIT, async () => {
  await using nodes = new TestNodes()
  const { services } = await nodes.startInMemory()
  for (let count = 0; count < 50; count++) services.feedback.put({ caller: 'discord:oak', text: 'again' })
  assert.throws(
    () => services.feedback.put({ caller: 'discord:oak', text: 'again' }),
    withCode('LIMIT_EXCEEDED'),
  )
  services.feedback.put({ caller: 'discord:elm', text: 'me too' })
})

test('the audit command lists, anchors in the space and verifies [K-81]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
  await nodes.join(a, b)
  await ask(a, 'share', { text: 'acorn', copies: 1, wait: 'local' }, { caller: OAK })
  const { entries } = await ask(a, 'audit')
  assert.equal(entries[0].caller, 'discord:oak')
  assert.deepEqual(await ask(a, 'audit', { action: 'anchor' }), { anchors: ['space'] })
  const verdict = await ask(a, 'audit', { action: 'verify' })
  assert.equal(verdict.intact, true)
  assert.equal(verdict.anchors, 1)
  await b.services.records.sync()
  assert.equal(b.services.records.list('audit-head', { author: a.services.network.peerId }).length, 1)
})

test('setup says what is done and what is left, and changes nothing [A-40]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  const first = await ask(node, 'setup')
  assert.ok(first.steps.length >= 4)
  assert.equal(first.left, first.steps.filter(({ done }: { done: boolean }) => !done).length)
  assert.deepEqual(await ask(node, 'setup'), first)
})
