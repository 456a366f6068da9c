/** What answers say, without Discord: data in, sentences out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PermissionDeniedError } from '../../../commands/gates/permit.ts'
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
