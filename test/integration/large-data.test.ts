/**
 * What is large enough to break whatever holds everything in memory, or counts in 32 bits: a file of 10 GiB, and a
 * million keys in the index. The file's bytes repeat, so that the disk holds 8 MiB of it; that the whole of 10 GiB of
 * chance is stored, fetched and repaired within the same memory is `npm run reliability -- R-13 --release`.
 */
import assert from 'node:assert/strict'
import { createHash, randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf as digestOfId } from '../../src/core/content-id.ts'
import { TestNodes } from '../../src/node/start-nodes.suite.ts'
import { ChunkTable } from '../../src/storage/chunk-table.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'

const MIB = 1024 ** 2
const LIMIT = { timeout: 600_000 }
const GROWN_BYTES_MAX = 192 * MIB
const FILE_BYTES = 10_240 * MIB
/** Eight different chunks of 1 MiB, again and again. */
const PERIOD_BYTES = 8 * MIB
const KEYS = 1_000_000
const KEYS_AT_ONCE = 10_000
const PAGE_MAX = 1_000
const SAMPLE_MS = 100

test(
  'a file of 10 GiB of repeating bytes is published, described and read at its far end within 192 MiB [K-67]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const node = await nodes.start({ dht: false, wsPort: -1 })
    const { content } = node.services
    const period = randomFillSync(Buffer.alloc(PERIOD_BYTES))
    await using memory = new GrownMemory()
    const published = await content.publish(repeated(period, FILE_BYTES), {
      policy: { kind: 'replica', copies: 1 },
      acknowledge: 'local',
      sizeBytes: FILE_BYTES,
    })
    assert.equal(published.sizeBytes, FILE_BYTES)
    assert.equal(published.chunks, FILE_BYTES / MIB)

    const whole = await content.retrieve(published.id)
    assert.equal(whole.sizeBytes, FILE_BYTES)
    for (const offset of [FILE_BYTES - 3 * MIB - 17, 2 ** 32 - 5, 2 ** 33 + 1]) {
      const length = Math.min(3 * MIB, FILE_BYTES - offset)
      const { bytes } = await content.retrieve(published.id, { range: { offset, length } })
      let at = offset
      for await (const piece of bytes) {
        assert.ok(Buffer.from(piece).equals(Buffer.from(partOf(period, at, piece.byteLength))), `at ${at}`)
        at += piece.byteLength
      }
      assert.equal(at, offset + length)
    }
    assert.ok(memory.grownBytes <= GROWN_BYTES_MAX, `grew by ${Math.round(memory.grownBytes / MIB)} MiB`)
  },
)

test(
  'an index of 1,000,000 keys is filled, opened again, looked up and read in pages within 192 MiB [K-67]',
  LIMIT,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kizuna-large-index-'))
    try {
      await using memory = new GrownMemory()
      const first = openIndexDatabase(createFileDisk(folder).openDatabase('index.db'))
      const filled = new ChunkTable(first)
      for (let from = 0; from < KEYS; from += KEYS_AT_ONCE) {
        filled.transaction(() => {
          for (let key = from; key < from + KEYS_AT_ONCE; key++) {
            assert.ok(filled.insert(digestOf(key), { size: key, pack: null, offset: null }))
          }
        })
      }
      first.close()

      const index = openIndexDatabase(createFileDisk(folder).openDatabase('index.db'))
      const table = new ChunkTable(index)
      for (let key = 0; key < KEYS; key += 997) assert.equal(table.find(digestOf(key))?.size, key)
      assert.equal(table.find(digestOf(KEYS)), undefined)
      let listed = 0
      let before = ''
      for (const page of table.ids()) {
        const digests = page.map((id) => Buffer.from(digestOfId(id)).toString('hex'))
        assert.ok(page.length <= PAGE_MAX)
        // In order, so that none comes twice.
        for (const digest of digests) {
          assert.ok(digest > before)
          before = digest
        }
        listed += page.length
      }
      assert.equal(listed, KEYS)
      index.close()
      assert.ok(memory.grownBytes <= GROWN_BYTES_MAX, `grew by ${Math.round(memory.grownBytes / MIB)} MiB`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

/** `sizeBytes` bytes that repeat `period`; one memory for all. */
async function* repeated(period: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let left = sizeBytes; left > 0; left -= period.byteLength) yield period.subarray(0, left)
}

function partOf(period: Buffer, offset: number, length: number): Buffer {
  const begin = offset % period.byteLength
  return Buffer.concat([period, period]).subarray(begin, begin + length)
}

function digestOf(key: number): Uint8Array {
  return createHash('sha256').update(`key ${key}`).digest()
}

/** The most that this process has grown by so far. */
class GrownMemory implements AsyncDisposable {
  readonly #base: number
  #peak: number
  readonly #timer = setInterval(() => this.#look(), SAMPLE_MS)

  constructor() {
    this.#base = process.memoryUsage.rss()
    this.#peak = this.#base
  }

  get grownBytes(): number {
    this.#look()
    return this.#peak - this.#base
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, process.memoryUsage.rss())
  }
}
