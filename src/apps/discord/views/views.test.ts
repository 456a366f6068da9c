/** What answers say, without Discord: data in, sentences out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeFinding } from '../../../commands/findings.ts'
import { PermissionDeniedError } from '../../../commands/gates/permit.ts'
import { type VerdictFacts, verdictOf } from '../../../commands/verdict.ts'
import { InvalidInputError } from '../../../core/errors.ts'
import { KizunaError, toKizunaError } from '../../../core/kizuna-error.ts'
import { ControlIds } from '../control-id.ts'
import { sayIn } from '../words/say.ts'
import { errorView } from './error-view.ts'
import { progressView } from './progress-view.ts'
import { viewOfResult } from './view-of-result.ts'

const mention = (name: string) => `/${name}`
const inLanguage = (locale: string) => ({ say: sayIn(locale), mention })
const context = {
  ...inLanguage('en'),
  controls: new ControlIds({ seed: new Uint8Array(32) }),
  user: '1573704566824763392',
}

test('an error is a sentence and a hint in the person’s language, and never what is inside', () => {
  const denied = new PermissionDeniedError({ command: 'forget', needed: 'steward' })
  assert.match(errorView(inLanguage('en'), denied).text ?? '', /those who manage this server/)
  assert.match(errorView(inLanguage('ja'), denied).text ?? '', /このサーバーの管理者/)
  const inside = toKizunaError(new Error('password at /home/alder/secret'))
  inside.correlationId = 'a1b2c3d4e5f6'
  const text = errorView(inLanguage('ru'), inside).text ?? ''
  assert.doesNotMatch(text, /password|home/)
  assert.match(text, /a1b2c3d4e5f6/)
})

test('a wrong input says which, tamed; who was too fast learns when to come back', () => {
  const wrong = new InvalidInputError({ what: 'The id', reason: '“@everyone” is not one' })
  const text = errorView(inLanguage('fr'), wrong, 'get').text ?? ''
  assert.match(text, /pas valable/)
  assert.doesNotMatch(text, /@everyone/)
  assert.match(text, /\/help `get`/)
  const busy = new KizunaError({
    code: 'RATE_LIMITED',
    kind: 'busy',
    message: '',
    hint: '',
    details: { retryAfterMs: 1_500 },
  })
  assert.match(errorView(inLanguage('en'), busy).text ?? '', /Try again in 2 s/)
})

test('progress is a phase, a share and a bar; without a total only how much', () => {
  const say = sayIn('en')
  const half = progressView(say, { phase: 'fetch', done: 50, total: 100, unit: 'bytes', peers: 3 })
  assert.match(half.text ?? '', /Fetching … 50 % \(50 B of 100 B\) with 3 peers\n`█{10}░{10}`/)
  const open = progressView(say, { phase: 'something new', done: 7, total: undefined, unit: 'items' })
  assert.equal(open.text, 'something new … 7')
})

test('a result without a face of its own is shown as facts and lines, tamed', () => {
  const view = viewOfResult(context, 'unknown', { count: 3, list: [{ name: '**@here**', nested: {} }] }, {})
  assert.match(JSON.stringify(view), /count/)
  assert.doesNotMatch(JSON.stringify(view), /"\*\*@here/)
  assert.equal(viewOfResult(context, 'unknown', null, {}).kind, 'card')
})

test('what a share answers shows no key of private content', () => {
  const result = {
    id: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
    name: 'a',
    sizeBytes: 1,
    copies: 1,
    policy: 'replica:1',
    acknowledged: 'local',
    private: true,
    link: 'kizuna:bafk#SECRETKEY',
  }
  assert.doesNotMatch(JSON.stringify(viewOfResult(context, 'share', result, {})), /SECRETKEY/)
})

const STATUS = {
  peerId: '12D3KooWAlder',
  label: '',
  version: '0.1.0',
  uptimeMs: 5_000,
  space: { name: 'Grove' },
  members: 1,
  membersOnline: 1,
  connectedPeers: 0,
  stored: { sizeBytes: 2_000 },
  storedForOthersBytes: 1_000,
  quota: { storageBytesMax: 0, storageForOthersBytesMax: 5_000 },
  keptObjects: 0,
  durability: { objects: 0, belowTarget: 0, unreadable: 0 },
  queues: { repair: 0 },
  degraded: [],
  health: [
    { name: 'disk', state: 'ok', error: null },
    { name: 'discord', state: 'degraded', error: 'The connection is made again.' },
    { name: 'index', state: 'ok', error: null },
  ],
}

const statusIn = (language: string, facts: Partial<VerdictFacts> = {}) => {
  const named = { ...STATUS, copies: 3, kept: STATUS.keptObjects, ...facts }
  const result = { ...named, verdict: verdictOf(named as VerdictFacts) }
  return viewOfResult({ ...context, ...inLanguage(language) }, 'status', result, {})
}

test('the state of a node says what matters first, and what to do next', () => {
  const health: VerdictFacts['health'] = [{ name: 'disk', state: 'ok' }]
  const alone = statusIn('en', { health })
  assert.equal(alone.title, 'Node WAlder')
  assert.match(alone.text ?? '', /is alone.*\/invite/)
  assert.equal(alone.tone, 'plain')
  const labels = (alone.facts ?? []).map(({ label }) => label)
  assert.ok(labels.includes('Stored for others') && !labels.includes('With too few copies'), labels.join())
  assert.ok(alone.facts?.some(({ value }) => value === '0.1.0'))
  const durability = { objects: 9, belowTarget: 4, unreadable: 0 }
  const ill = statusIn('en', { health, members: 3, degraded: ['disk-nearly-full'], durability })
  assert.match(ill.text ?? '', /^Needs a look: the disk is nearly full\. \/doctor says what to do\./)
  assert.equal(ill.tone, 'warning')
  assert.ok(ill.facts?.some(({ label, value }) => label === 'With too few copies' && value === '4'))
})

test('alone with too few copies: nothing is broken, why, and whom to ask, in the person’s language', () => {
  const facts = { durability: { objects: 1, belowTarget: 1, unreadable: 0 }, health: [] }
  assert.match(
    statusIn('en', facts).text ?? '',
    /^Nothing is broken\. Things with fewer copies than wanted: 1, because.*only member\. \/invite/,
  )
  assert.match(statusIn('fr', facts).text ?? '', /^Rien n’est cassé\..* : 1, car.*\/invite/)
  assert.match(statusIn('ru', facts).text ?? '', /^Ничего не сломано\..*: 1, потому.*\/invite/)
  assert.match(statusIn('ja', facts).text ?? '', /^故障はありません。.*: 1。\/invite/)
})

test('a part that is not well is named in the text and shown with its reason', () => {
  const view = statusIn('en')
  assert.match(view.text ?? '', /^Does not work fully: discord\./)
  assert.equal(view.tone, 'warning')
  assert.deepEqual(view.lines, ['⚠️ discord: The connection is made again.', '✅ disk, index'])
})

test('the doctor speaks the person’s language, and tells nobody where the data lies', () => {
  const found = nodeFinding('DISK_FREE', { freeBytes: 5_000_000_000, home: '/home/alder' })
  const result = {
    healthy: false,
    steps: [
      { step: 'disk', outcome: 'ok', ...found },
      { step: 'state', outcome: 'failed', ...nodeFinding('STATE_LOOK', { words: ['not-listening'] }) },
    ],
  }
  const linesIn = (language: string) =>
    viewOfResult({ ...context, ...inLanguage(language) }, 'doctor', result, {}).lines
  assert.deepEqual(linesIn('en'), [
    '✅ **Disk** 5.0 GB are free.',
    '❌ **State** Needs a look: the node does not listen.',
  ])
  assert.deepEqual(linesIn('ru'), [
    '✅ **Диск** Свободно 5.0 GB.',
    '❌ **Состояние** Требует внимания: узел не принимает соединений.',
  ])
})

test('how safe something is stands there in words, without the names of policies', () => {
  const known = {
    id: 'bafk',
    name: 'oak.txt',
    kind: 'file',
    mediaType: null,
    publishedAt: null,
    sizeBytes: 3,
    policy: 'rs:4+2',
    confirmed: 5,
    target: 6,
    margin: 1,
    holders: ['a', 'b'],
    lossOddsPerYear: 0.000_004,
    keptHere: false,
  }
  const view = viewOfResult(context, 'describe', known, {})
  const facts = new Map((view.facts ?? []).map(({ label, value }) => [label, value]))
  assert.equal(facts.get('Copies'), '5/6 (pieces; any 4 of 6 are enough)')
  assert.equal(facts.get('Odds of loss in a year'), '1 in 300,000')
  assert.match(view.text ?? '', /fewer copies than it should/)
})

test('a task that is under way says how to look after it', () => {
  const task = { action: 'run', id: '0f', kind: 'hash', state: 'queued', percent: 0, note: '', workers: [] }
  assert.match(viewOfResult(context, 'task', task, {}).text ?? '', /\/task `status` shows/)
  assert.equal(viewOfResult(context, 'task', { ...task, state: 'verified' }, {}).text, undefined)
  assert.match(
    viewOfResult(context, 'task', { action: 'list', tasks: [] }, {}).text ?? '',
    /\/task `run` begins/,
  )
})
