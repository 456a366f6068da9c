import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes } from './format-bytes.ts'

test('sizes are shown as people write them', () => {
  assert.deepEqual([0, 1023, 1024, 1.5 * 1024 ** 2, 3 * 1024 ** 4].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '3.0 TiB',
  ])
  assert.equal(formatBytes(5000 * 1024 ** 5), '5000 PiB')
})
