import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { BufferPool } from './buffer-pool.ts'
import type { Digester } from './digester.ts'

/** What every digester keeps. */
export function digesterKeepsItsPromises(name: string, made: () => Digester | Promise<Digester>): void {
  const pool = new BufferPool()
  const bytesOf = (sizeBytes: number, fill: number) => pool.take(sizeBytes).fill(fill)
  const digestOf = (...pieces: Uint8Array[]) => {
    const whole = createHash('sha256')
    for (const piece of pieces) whole.update(piece)
    return whole.digest('hex')
  }
  const hex = (digest: Uint8Array) => Buffer.from(digest).toString('hex')

  test(`${name} hashes bytes of every length and kind of memory`, async () => {
    const digester = await made()
    for (const bytes of [
      new Uint8Array(0),
      bytesOf(1, 1),
      bytesOf(65_536, 2),
      bytesOf(1_048_576, 3).subarray(5, 900_000),
      ...Array.from({ length: 5 }, (_, index) => bytesOf(1_048_576, index)),
      new Uint8Array(300_000).fill(4),
    ]) {
      assert.equal(hex(await digester.sha256(bytes)), digestOf(bytes))
    }
  })

  test(`${name} answers many questions at once, each with its own answer`, async () => {
    const digester = await made()
    const many = Array.from({ length: 100 }, (_, index) => bytesOf(100_000 + index, index))
    const digests = await Promise.all(many.map((bytes) => digester.sha256(bytes)))
    assert.deepEqual(
      digests.map(hex),
      many.map((bytes) => digestOf(bytes)),
    )
  })

  test(`${name} hashes streams beside each other, in the order of their pieces`, async () => {
    const digester = await made()
    const pieces = Array.from({ length: 10 }, (_, index) => bytesOf(70_000 * index, index))
    const [one, other] = [digester.stream(), digester.stream(3_150_000)]
    await Promise.all(pieces.flatMap((piece) => [one.update(piece), other.update(piece.subarray(1))]))
    assert.equal(hex(await one.digest()), digestOf(...pieces))
    assert.equal(hex(await other.digest()), digestOf(...pieces.map((piece) => piece.subarray(1))))
  })

  test(`${name} hashes an empty stream and lets go of one that is given up`, async () => {
    const digester = await made()
    const given = digester.stream()
    await given.update(bytesOf(100_000, 1))
    given.end()
    given.end()
    assert.equal(hex(await digester.stream().digest()), digestOf())
  })
}
