import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AbortedError,
  CircuitOpenError,
  DeadlineError,
  InvalidInputError,
  LimitExceededError,
  QueueFullError,
} from './errors.ts'
import { ERROR_KINDS, isKizunaError, KizunaError, toKizunaError } from './kizuna-error.ts'

const everyError = [
  new InvalidInputError({ what: 'The id', reason: 'it is short' }),
  new DeadlineError({ what: 'The call', timeoutMs: 5 }),
  new AbortedError({ what: 'The call', cause: new Error('why') }),
  new LimitExceededError({ what: 'The list', limit: 5, actual: 6 }),
  new QueueFullError({ queue: 'chunks', limit: 5, retryAfterMs: 10 }),
  new CircuitOpenError({ what: 'The search', retryAfterMs: 10 }),
]

test('every error has a stable code, a kind, a sentence, a hint and the name of its class', () => {
  for (const error of everyError) {
    assert.match(error.code, /^[A-Z][A-Z_]+$/)
    assert.ok(ERROR_KINDS.includes(error.kind))
    assert.match(error.message, /^[A-Z].*\.$/)
    assert.match(error.hint, /^[A-Z].*\.$/)
    assert.equal(error.name, error.constructor.name)
  }
  assert.equal(new Set(everyError.map(({ code }) => code)).size, everyError.length)
})

test('across a border goes what a reader needs, and neither cause nor stack', () => {
  const error = new AbortedError({ what: 'The call', cause: new Error('internal path /secret') })
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    code: 'ABORTED',
    kind: 'unavailable',
    message: 'The call was cancelled.',
    hint: error.hint,
  })
  assert.match((error.cause as Error).message, /internal/)
  assert.deepEqual(JSON.parse(JSON.stringify(new LimitExceededError({ what: 'It', limit: 1 }))).details, {
    limit: 1,
  })
})

test('anything thrown becomes an error of ours; what is one stays itself', () => {
  const [first] = everyError
  assert.equal(toKizunaError(first), first)
  for (const thrown of [new TypeError('a bug'), 'text', undefined, null, { code: 'FAKE' }]) {
    const error = toKizunaError(thrown)
    assert.ok(error instanceof KizunaError)
    assert.equal(error.code, 'INTERNAL')
    assert.equal(error.kind, 'internal')
    assert.equal(error.cause, thrown)
    assert.doesNotMatch(error.message, /bug|text/)
  }
})

test('an error is recognised by its code', () => {
  const error = new DeadlineError({ what: 'It', timeoutMs: 1 })
  assert.ok(isKizunaError(error))
  assert.ok(isKizunaError(error, 'DEADLINE_EXCEEDED'))
  assert.equal(isKizunaError(error, 'ABORTED'), false)
  assert.equal(isKizunaError({ code: 'ABORTED', kind: 'busy' }), false)
})
