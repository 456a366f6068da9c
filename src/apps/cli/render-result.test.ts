/** What commands answer is shown to people as words and tables: each is given to a node, none is shown as JSON. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../../commands/ask.suite.ts'
import { commandList } from '../../commands/command-list.ts'
import { eventually, TestNodes } from '../../node/start-nodes.suite.ts'
import { CLI_ACTIONS } from './cli-commands.ts'
import { renderResult } from './render-result.ts'

const LIMIT = { timeout: 120_000 }
const HASH = 'a1'.repeat(32)
/** Shown by the CLI itself, or not possible with one node in memory. */
const NOT_ASKED = ['help', 'join', 'leave']
const JSON_LIKE = /[{[]\s*"|":|\[object|undefined|NaN/

/** What is asked, in this order; several of one command where it answers differently. */
const ASKED: readonly [string, Record<string, unknown>][] = [
  ['ping', {}],
  ['status', {}],
  ['list', {}],
  ['describe', { id: 'the acorn' }],
  ['keep', { id: 'the acorn' }],
  ['doctor', {}],
  ['doctor', { id: 'the acorn', chunks: true }],
  ['peers', { all: true }],
  ['members', {}],
  ['sync', {}],
  ['setup', {}],
  ['config', {}],
  ['config', { action: 'get', key: 'label' }],
  ['feedback', { action: 'send', text: 'More trees.\nMany.' }],
  ['feedback', { action: 'list' }],
  ['feedback', { action: 'remove', id: 1 }],
  ['task', {}],
  ['task', { action: 'run', kind: 'hash', id: 'the acorn', wait: true }],
  ['task', {}],
  ['task', { action: 'status', id: 'the task' }],
  ['task', { action: 'cancel', id: 'the task' }],
  ['archive', {}],
  ['archive', { action: 'search', query: 'oak' }],
  ['archive', { action: 'export' }],
  ['archive', { action: 'optout', erase: true }],
  ['archive', { action: 'optin' }],
  ['token', {}],
  ['token', { scope: 'read' }],
  ['token', {}],
  ['history', {}],
  ['history', { everybody: true, summary: true }],
  ['history', { command: 'sync', since: '1s', caller: 'nobody', everybody: true }],
  ['audit', {}],
  ['audit', { action: 'anchor' }],
  ['audit', { action: 'verify' }],
  ['privacy', {}],
  ['privacy', { action: 'delete', confirm: true }],
  ['forget', { id: 'the acorn' }],
]

test('everything that a command answers is shown in words, never as JSON [A-85]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  const { id } = (await ask(node, 'share', { text: 'acorn', copies: 1 })) as { id: string }
  let task = ''
  for (const [command, input] of ASKED) {
    const asked = Object.fromEntries(
      Object.entries(input).map(([field, value]) => [
        field,
        value === 'the acorn' ? id : value === 'the task' ? task : value,
      ]),
    )
    const result = await ask(node, command, asked)
    if (command === 'task' && result.id !== undefined) task = result.id
    // As it comes from a running node.
    const text = renderResult(command, JSON.parse(JSON.stringify(result)))
    assert.ok(text.trim() !== '', `${command} ${JSON.stringify(input)} shows nothing`)
    assert.doesNotMatch(text, JSON_LIKE, `${command} ${JSON.stringify(input)}`)
  }
  const isShown = new Set([...ASKED.map(([command]) => command), ...Object.keys(CLI_ACTIONS), ...NOT_ASKED])
  assert.deepEqual(
    commandList.map(({ name }) => name).filter((name) => !isShown.has(name)),
    [],
    'commands whose answer nobody looked at',
  )
})

test('history is a table of when, what, how it ended and the reference for the log [A-85]', () => {
  const text = renderResult('history', {
    entries: [
      {
        at: '2026-11-21T17:05:03.120Z',
        caller: 'discord:oak',
        command: 'task',
        action: 'run',
        outcome: 'ok',
        durationMs: 12,
        correlationId: '0123456789ab',
      },
      {
        at: '2026-11-21T17:04:00.000Z',
        caller: 'cli',
        command: 'get',
        outcome: 'CONTENT_NOT_FOUND',
        durationMs: 1_530,
        correlationId: 'ba9876543210',
      },
    ],
  })
  assert.deepEqual(
    text.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['WHEN (UTC)', 'COMMAND', 'ENDED', 'TOOK', 'BY', 'REFERENCE'],
      ['2026-11-21 17:05', 'task run', 'ok', '12 ms', 'discord:oak', '0123456789ab'],
      ['2026-11-21 17:04', 'get', 'CONTENT_NOT_FOUND', '1.5 s', 'cli', 'ba9876543210'],
    ],
  )
})

test('an altered audit log is named loudly, with the first entry that is wrong [K-81]', () => {
  const verdict = {
    intact: false,
    entries: 4,
    anchors: 0,
    fault: { sequence: 5, reason: 'its hash is wrong' },
  }
  const text = renderResult('audit', verdict)
  assert.match(text, /ALTERED\. Entry 5: its hash is wrong\.\nThe 4 before it are as they were written\./)
  const good = renderResult('audit', { intact: true, entries: 4, anchors: 2, head: HASH })
  assert.match(good, /All 4 entries are as they were written\. Of 2 of its states/)
  assert.ok(good.includes(HASH))
})

test('what is kept about a person is counted and shown by sort; strangers’ words cannot steer the terminal', () => {
  const text = renderResult('privacy', {
    person: 'discord:oak',
    complete: true,
    kept: {
      feedback: [{ at: 1_795_280_400_000, text: 'More \u001b[31mtrees' }],
      tasks: Array.from({ length: 25 }, (_unused, at) => ({ id: `task ${at}`, workers: ['elm', 'ash'] })),
      'audit log': [],
    },
  })
  assert.match(text, /feedback \(1\)\n {2}2026-11-21 \d\d:00 {2}text More \ufffd\[31mtrees/)
  assert.match(text, /tasks \(25\)\n {2}id task 0, workers elm ash\n/)
  assert.match(text, /… 5 more/)
  assert.ok(!text.includes('audit log') && !text.includes('\u001b'))
  assert.match(renderResult('privacy', { person: 'cli', kept: {} }), /Nothing is kept here about cli\./)
  const erased = { person: 'cli', erased: { feedback: 2, tasks: 0 } }
  assert.equal(renderResult('privacy', erased), 'Erased for good, about cli: feedback 2.')
})

test('facts without a form of their own are lines, also those within lists', () => {
  const facts = {
    name: 'oak',
    sizeBytes: 2_048,
    list: [{ peer: 'elm', sizeBytes: 1_024 }],
    none: null,
    few: [1, 2],
  }
  assert.equal(
    renderResult('something new', facts),
    'name: oak\nsize: 2.0 KiB\nlist:\n  peer elm, size 1.0 KiB\nfew: 1, 2',
  )
})

const UNCOUNTED = { objects: 0, belowTarget: 0, unreadable: 0, worst: null }

test(
  'one machine alone with too few copies reads that nothing is broken, why, and what to do',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const node = await nodes.startInMemory()
    await ask(node, 'share', { text: 'acorn', wait: 'local' })
    const before = renderResult('status', { ...(await ask(node, 'status')), durability: UNCOUNTED })
    assert.match(before, /durability +1 kept, their copies are not counted yet$/m)
    await eventually(
      'the copies are counted',
      async () => (await ask(node, 'status')).durability.belowTarget === 1,
    )
    const status = await ask(node, 'status')
    assert.equal(status.verdict.state, 'alone')
    const text = renderResult('status', status)
    assert.match(text, /1 below target/)
    assert.doesNotMatch(text, /all is well/i)
    assert.match(
      text,
      /state +Nothing is broken\.\n +1 thing has fewer copies than wanted, because this node is the only member\. `kizuna invite` makes a link for another machine\.$/,
    )
  },
)

test(
  'sizes in what setup answers are numbers of bytes for programs, and readable in its words',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const node = await nodes.startInMemory()
    const [setup, status] = [await ask(node, 'setup'), await ask(node, 'status')]
    const step = setup.steps.find(({ name }: { name: string }) => name === 'storage for others')
    assert.equal(step.now, '20 GiB')
    assert.equal(step.facts.storageForOthersBytesMax, status.quota.storageForOthersBytesMax)
    assert.match(renderResult('setup', setup), /storage for others +20 GiB$/m)
    assert.doesNotMatch(JSON.stringify(setup), /\d bytes/)
  },
)
