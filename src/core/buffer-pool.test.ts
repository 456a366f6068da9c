import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferPool } from './buffer-pool.ts'

const CHUNK_BYTES = 256 * 1024

test('hands out a buffer again only when its last user is done', () => {
  const pool = new BufferPool()
  const first = pool.take(CHUNK_BYTES)
  pool.share(first)
  pool.release(first)
  assert.notEqual(pool.take(CHUNK_BYTES).buffer, first.buffer)
  pool.release(first)
  assert.equal(pool.take(CHUNK_BYTES - 5).buffer, first.buffer)
})

test('a release too many frees nothing twice', () => {
  const pool = new BufferPool()
  const bytes = pool.take(CHUNK_BYTES)
  pool.release(bytes)
  pool.release(bytes)
  assert.notEqual(pool.take(CHUNK_BYTES).buffer, pool.take(CHUNK_BYTES).buffer)
})

test('buffers have the length that was asked for, and lie in memory that threads share', () => {
  const pool = new BufferPool()
  for (const sizeBytes of [65_536, 100_000, CHUNK_BYTES, CHUNK_BYTES + 16, 2 * 1024 * 1024]) {
    const bytes = pool.take(sizeBytes)
    assert.equal(bytes.byteLength, sizeBytes)
    assert.ok(bytes.buffer instanceof SharedArrayBuffer)
  }
  assert.equal(pool.take(0).byteLength, 0)
})

test('memory from elsewhere, and what is short, is let through untouched', () => {
  const pool = new BufferPool({ poison: true })
  for (const bytes of [new Uint8Array(CHUNK_BYTES).fill(1), pool.take(1_000).fill(1)]) {
    pool.share(bytes)
    pool.release(bytes)
    assert.equal(bytes[0], 1)
  }
})

test('keeps no more spare memory than its limit', () => {
  const pool = new BufferPool()
  const many = Array.from({ length: 200 }, () => pool.take(CHUNK_BYTES))
  for (const bytes of many) pool.release(bytes)
  const known = new Set(many.map(({ buffer }) => buffer))
  const again = Array.from({ length: 200 }, () => pool.take(CHUNK_BYTES))
  assert.equal(again.filter(({ buffer }) => known.has(buffer)).length, 128)
})

test('a poisoned pool shows who reads what was released', () => {
  const pool = new BufferPool({ poison: true })
  const bytes = pool.take(CHUNK_BYTES).fill(1)
  pool.release(bytes)
  assert.equal(bytes[0], 0xdd)
})
