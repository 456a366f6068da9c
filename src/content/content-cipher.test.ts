import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CIPHER_TAG_BYTES, decryptChunk, encryptChunk, encryptStream, plainSizeOf } from './content-cipher.ts'

const key = new Uint8Array(32).fill(7)
/** AES-256-GCM of `kizuna`, key of zeros, chunk 1; `docs/protocol/dds.md`. */
const VECTOR = '42a85e579a178bc5adf4d751015a4d55df14818ca5bf'

async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield bytes.subarray(offset, offset + size)
}

test('cuts and seals a stream so that every chunk opens alone and together they are the stream', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 700 }),
      fc.integer({ min: 1, max: 90 }),
      fc.integer({ min: 17, max: 128 }),
      async (content, pieceSize, chunkBytes) => {
        const sealed = await Array.fromAsync(encryptStream(piecesOf(content, pieceSize), { key, chunkBytes }))
        for (const [index, chunk] of sealed.entries()) {
          if (index < sealed.length - 1) assert.equal(chunk.byteLength, chunkBytes)
          else assert.ok(chunk.byteLength <= chunkBytes)
        }
        const opened = sealed.map((chunk, index) => decryptChunk(chunk, key, index) ?? assert.fail('closed'))
        assert.deepEqual(Buffer.concat(opened), Buffer.from(content))
        const sealedBytes = sealed.reduce((sum, chunk) => sum + chunk.byteLength, 0)
        assert.equal(plainSizeOf(sealedBytes, sealed.length), content.byteLength)
      },
    ),
  )
})

test('opens a chunk only with its key, at its place and unchanged', () => {
  const sealed = encryptChunk(Buffer.from('hello'), key, 3)
  assert.deepEqual(Buffer.from(decryptChunk(sealed, key, 3) ?? []), Buffer.from('hello'))
  assert.equal(decryptChunk(sealed, new Uint8Array(32), 3), undefined)
  assert.equal(decryptChunk(sealed, key, 4), undefined)
  sealed[0] = (sealed[0] ?? 0) ^ 1
  assert.equal(decryptChunk(sealed, key, 3), undefined)
  assert.equal(decryptChunk(new Uint8Array(CIPHER_TAG_BYTES - 1), key, 0), undefined)
  assert.throws(() => decryptChunk(sealed, new Uint8Array(31), 3), { code: 'INVALID_INPUT' })
})

test('matches the published vector', () => {
  const sealed = encryptChunk(Buffer.from('kizuna'), new Uint8Array(32), 1)
  assert.equal(Buffer.from(sealed).toString('hex'), VECTOR)
})
