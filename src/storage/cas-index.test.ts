import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { SeededRandom } from '../core/random.ts'
import {
  CAS_FOLDER_DEFAULT,
  CAS_INDEX_NAME,
  type CasEntry,
  formatCasIndex,
  parseCasIndex,
  readCasFile,
  readCasIndex,
} from './cas-index.ts'
import { chunkContent } from './chunk-content.ts'
import { MemoryDisk } from './memory-disk.ts'

const random = new SeededRandom(2)
const sha256Of = (bytes: Uint8Array) => hash('sha256', bytes)
const invalid = (error: unknown) => isKizunaError(error, 'INVALID_INPUT')

/** A folder as the older program left it. */
async function oldStore(folder = CAS_FOLDER_DEFAULT) {
  const disk = new MemoryDisk()
  await disk.makeFolder(folder)
  const pieces = [random.bytes(100_000), random.bytes(100_000), random.bytes(5)]
  const file = Buffer.concat(pieces)
  for (const piece of pieces) await disk.writeFile(`${folder}/${sha256Of(piece)}`, piece)
  const old = {
    [sha256Of(file)]: {
      original_name: 'document.pdf',
      size: file.byteLength,
      data_chunks: pieces.map(sha256Of),
      parity_chunks: [sha256Of(Buffer.from('parity'))],
      published_by: 'Node1',
      upload_date: 'something we do not know',
    },
  }
  await disk.writeFile(CAS_INDEX_NAME, Buffer.from(JSON.stringify(old)))
  return { disk, file, pieces, old }
}

async function read(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('an old index is read, its files come out whole and can be chunked anew [B-37]', async () => {
  const { disk, file, pieces } = await oldStore()
  const [entry] = await readCasIndex(disk, CAS_INDEX_NAME)
  assert.deepEqual(entry, {
    fileId: contentIdOf(file),
    originalName: 'document.pdf',
    sizeBytes: file.byteLength,
    dataIds: pieces.map((piece) => contentIdOf(piece)),
    parityIds: [contentIdOf(Buffer.from('parity'))],
    publishedBy: 'Node1',
  })
  assert.ok((await read(readCasFile(disk, entry as CasEntry))).equals(file))
  const ids: string[] = []
  const source = readCasFile(disk, entry as CasEntry)
  for await (const { id } of chunkContent(source, { profile: 'dds-256k', sizeBytes: file.byteLength }))
    ids.push(id)
  assert.deepEqual(ids, [contentIdOf(file)])
})

test('the folder of the old chunks can be chosen and is the old one by default [B-36]', async () => {
  assert.equal(CAS_FOLDER_DEFAULT, 'storage/hashed_files')
  const { disk, file } = await oldStore('elsewhere')
  const [entry] = (await readCasIndex(disk, CAS_INDEX_NAME)) as [CasEntry]
  assert.ok((await read(readCasFile(disk, entry, { folder: 'elsewhere' }))).equals(file))
  await assert.rejects(read(readCasFile(disk, entry)), (error) => isKizunaError(error, 'CHUNK_NOT_FOUND'))
})

test('what is written has the same shape and reads back the same [B-37]', async () => {
  const { disk, old } = await oldStore()
  const entries = await readCasIndex(disk, CAS_INDEX_NAME)
  const written = JSON.parse(formatCasIndex(entries))
  const [hash] = Object.keys(old) as [string]
  const { upload_date: _, ...known } = old[hash] as Record<string, unknown>
  assert.deepEqual(written, { [hash]: known })
  assert.deepEqual(parseCasIndex(formatCasIndex(entries)), entries)
  const plain = [{ ...(entries[0] as CasEntry), publishedBy: undefined, parityIds: [] }]
  assert.deepEqual(parseCasIndex(formatCasIndex(plain)), plain)
})

test('old chunks that are damaged, too long or not all of the file are noticed', async () => {
  const { disk, pieces } = await oldStore()
  const [entry] = (await readCasIndex(disk, CAS_INDEX_NAME)) as [CasEntry]
  const path = `${CAS_FOLDER_DEFAULT}/${sha256Of(pieces[1] as Uint8Array)}`
  await assert.rejects(read(readCasFile(disk, { ...entry, sizeBytes: 5 })), (error) =>
    isKizunaError(error, 'SIZE_MISMATCH'),
  )
  disk.flipBit(path, 7)
  await assert.rejects(read(readCasFile(disk, entry)), (error) => isKizunaError(error, 'CHUNK_CORRUPT'))
  await disk.writeFile(path, new Uint8Array(2 ** 21))
  await assert.rejects(read(readCasFile(disk, entry)), (error) => isKizunaError(error, 'CHUNK_CORRUPT'))
})

test('an index that is not one is refused with the place of the fault', () => {
  const hash = 'a'.repeat(64)
  const good = { original_name: 'x', size: 1, data_chunks: [hash] }
  assert.equal(parseCasIndex(JSON.stringify({ [hash]: good })).length, 1)
  const bad = [
    'not json',
    '[]',
    'null',
    '7',
    JSON.stringify({ 'not a hash': good }),
    JSON.stringify({ [hash]: { ...good, size: -1 } }),
    JSON.stringify({ [hash]: { ...good, data_chunks: ['../../etc/passwd'] } }),
    JSON.stringify({ [hash]: { ...good, data_chunks: undefined } }),
    JSON.stringify({ [hash]: { ...good, original_name: 'x'.repeat(2_000) } }),
    `{"__proto__": ${JSON.stringify(good)}}`,
    JSON.stringify(Object.fromEntries(Array.from({ length: 100_001 }, (_, index) => [index, 0]))),
  ]
  for (const text of bad) assert.throws(() => parseCasIndex(text), invalid, text.slice(0, 60))
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseCasIndex(text)
      } catch (error) {
        assert.ok(invalid(error))
      }
    }),
  )
})
