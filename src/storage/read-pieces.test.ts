import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SeededRandom } from '../core/random.ts'
import { readPieces } from './read-pieces.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kizuna-read-pieces-'))
})
after(() => rm(folder, { recursive: true }))

async function opened(bytes: Uint8Array) {
  const path = join(folder, 'file')
  await writeFile(path, bytes)
  return open(path, 'r')
}

for (const sizeBytes of [0, 1, 1_048_576, 1_048_577, 5_000_000]) {
  test(`gives ${sizeBytes} bytes in order, in memory that is used again`, async () => {
    const bytes = new SeededRandom(1).bytes(sizeBytes)
    await using file = await opened(bytes)
    const copies: Uint8Array[] = []
    const memories = new Set<ArrayBufferLike>()
    for await (const piece of readPieces(file)) {
      copies.push(piece.slice())
      memories.add(piece.buffer)
    }
    assert.equal(hash('sha256', Buffer.concat(copies)), hash('sha256', bytes))
    assert.ok(memories.size <= 2)
  })
}

test('begins where the file stands, and ends early without reading on', async () => {
  await using file = await opened(new Uint8Array(4_000_000).fill(1))
  await file.read(Buffer.alloc(1_000_000), 0, 1_000_000)
  let readBytes = 0
  for await (const piece of readPieces(file)) readBytes += piece.byteLength
  assert.equal(readBytes, 3_000_000)
  for await (const _ of readPieces(file)) assert.fail('there is nothing more')
})

test('an abort ends it, and so does an error', async () => {
  await using file = await opened(new Uint8Array(4_000_000))
  const controller = new AbortController()
  const pieces = readPieces(file, controller.signal)
  await pieces.next()
  controller.abort(new Error('enough'))
  await assert.rejects(pieces.next(), /enough/)
  const closed = await open(join(folder, 'file'), 'r')
  await closed.close()
  await assert.rejects(readPieces(closed).next(), /closed|EBADF/)
})
