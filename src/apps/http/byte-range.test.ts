import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseByteRange } from './byte-range.ts'
import { RangeNotSatisfiableError } from './errors.ts'

test('a range is always inside the content, whatever the header says', () => {
  const number = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(''))
  const header = fc.oneof(
    fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
    fc.string(),
  )
  fc.assert(
    fc.property(header, fc.nat(), (text, sizeBytes) => {
      try {
        const range = parseByteRange(text, sizeBytes)
        if (range === undefined) return
        assert.ok(range.offset >= 0 && range.length > 0)
        assert.ok(range.offset + range.length <= sizeBytes)
      } catch (error) {
        assert.ok(error instanceof RangeNotSatisfiableError)
      }
    }),
  )
})
