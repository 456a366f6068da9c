import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvalidInputError } from '../core/errors.ts'
import { KizunaError } from '../core/kizuna-error.ts'
import { decodeErrorFrame, ERROR_BYTES_MAX, encodeErrorFrame } from './error-frame.ts'

test('carries code, kind, sentence, hint and details of an error', () => {
  const error = new InvalidInputError({ what: 'The id', reason: 'it is short', details: { length: 3 } })
  assert.deepEqual(decodeErrorFrame(encodeErrorFrame(error))?.toJSON(), error.toJSON())
})

test('tells nothing of an unexpected error, neither its message nor its stack', () => {
  const text = Buffer.from(encodeErrorFrame(new Error('secret path /home/me'))).toString()
  assert.equal(JSON.parse(text).code, 'INTERNAL')
  assert.ok(!text.includes('secret') && !text.includes('error-frame'))
})

test('drops the details that do not fit', () => {
  const error = new KizunaError({
    code: 'LONG',
    kind: 'invalid',
    message: 'Long.',
    hint: 'Shorten it.',
    details: { text: 'x'.repeat(ERROR_BYTES_MAX) },
  })
  const bytes = encodeErrorFrame(error)
  assert.ok(bytes.byteLength <= ERROR_BYTES_MAX)
  assert.deepEqual(decodeErrorFrame(bytes)?.details, {})
})

test('refuses what is no error: other JSON, unknown kinds, long texts, foreign codes [S-69]', () => {
  const good = { code: 'NO', kind: 'denied', message: 'No.', hint: 'Ask.' }
  assert.ok(decodeErrorFrame(Buffer.from(JSON.stringify(good))))
  for (const bad of [
    null,
    [],
    'text',
    { ...good, kind: 'magic' },
    { ...good, kind: 'toString' },
    { ...good, code: 'lower' },
    { ...good, message: 'x'.repeat(2_000) },
    { ...good, hint: 3 },
    { ...good, details: [] },
    { ...good, details: 'x'.repeat(ERROR_BYTES_MAX) },
  ]) {
    assert.equal(
      decodeErrorFrame(Buffer.from(JSON.stringify(bad))),
      undefined,
      JSON.stringify(bad).slice(0, 80),
    )
  }
})

test('no bytes make the decoder throw [S-69]', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeErrorFrame(bytes)
    }),
  )
})
