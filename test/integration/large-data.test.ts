/**
 * What is large enough to break whatever holds everything in memory, or counts in 32 bits: a file of 10 GiB, and a
 * million keys in the index. The file's bytes repeat, so that the disk holds 8 MiB of it; that the whole of 10 GiB of
 * chance is stored, fetched and repaired within the same memory is `npm run reliability -- R-13 --release`. Both are
 * processes of their own, measured by the kernel: what a test keeps is not the product's memory.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KizunaProcess } from '../fixtures/kizuna-process.ts'
import { peakBytes, residentBytes } from '../fixtures/resident-bytes.ts'

const MIB = 1024 ** 2
const LIMIT = { timeout: 600_000 }
const GROWN_BYTES_MAX = 192 * MIB
const FILE_BYTES = 10_240 * MIB
/** Eight different chunks of 1 MiB, again and again. */
const PERIOD_BYTES = 8 * MIB
const KEYS = 1_000_000
const PAGE_MAX = 1_000
const INDEX_CHILD = fileURLToPath(new URL('../fixtures/large-index-child.ts', import.meta.url))

test(
  'a file of 10 GiB of repeating bytes is published, described and read at its far end within 192 MiB [K-67]',
  LIMIT,
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'kizuna-large-file-'))
    const node = await KizunaProcess.start({ home }, ['--port', '0', '--ws-port', '0', '--no-mdns'])
    try {
      const headers = { authorization: `Bearer ${node.ready.token}` }
      const period = randomFillSync(Buffer.alloc(PERIOD_BYTES))
      // Made once: any part of up to a period is a view into it.
      const twice = Buffer.concat([period, period])
      const base = residentBytes(node.pid)
      const answer = await fetch(`${node.ready.api}/v1/share?name=large.bin&copies=1`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/octet-stream' },
        body: ReadableStream.from(repeated(period, FILE_BYTES)),
        duplex: 'half',
      })
      const shared = (await answer.json()) as { id: string; sizeBytes: number }
      assert.equal(answer.status, 200, JSON.stringify(shared))
      assert.equal(shared.sizeBytes, FILE_BYTES)

      const described = await node.call('describe', { id: shared.id })
      assert.equal(described.sizeBytes, FILE_BYTES)
      const { data_chunks: chunks } = described.metadata as { data_chunks: number }
      // A stream does not say its length, so its chunks are the small ones.
      assert.equal(chunks, (4 * FILE_BYTES) / MIB)
      for (const offset of [FILE_BYTES - 3 * MIB - 17, 2 ** 32 - 5, 2 ** 33 + 1]) {
        const last = offset + 3 * MIB - 1
        const part = await fetch(`${node.ready.api}/v1/content/${shared.id}`, {
          headers: { ...headers, range: `bytes=${offset}-${last}` },
        })
        assert.equal(part.status, 206)
        assert.equal(part.headers.get('content-range'), `bytes ${offset}-${last}/${FILE_BYTES}`)
        const begin = offset % PERIOD_BYTES
        const bytes = Buffer.from(await part.arrayBuffer())
        assert.ok(bytes.equals(twice.subarray(begin, begin + 3 * MIB)), `other bytes at ${offset}`)
      }
      const grown = peakBytes(node.pid) - base
      assert.ok(grown > 0 && grown <= GROWN_BYTES_MAX, `grew by ${Math.round(grown / MIB)} MiB`)
    } finally {
      await node.kill()
      rmSync(home, { recursive: true, force: true })
    }
  },
)

test(
  'an index of 1,000,000 keys is filled, opened again, looked up and read in pages within 192 MiB [K-67]',
  LIMIT,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kizuna-large-index-'))
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [INDEX_CHILD, folder, String(KEYS)])
      const { grownBytes, longestPage, ...read } = JSON.parse(stdout)
      assert.deepEqual(read, { inserted: KEYS, wrong: 0, absentFound: false, listed: KEYS, unordered: 0 })
      assert.ok(longestPage <= PAGE_MAX, `a page of ${longestPage}`)
      assert.ok(
        grownBytes > 0 && grownBytes <= GROWN_BYTES_MAX,
        `grew by ${Math.round(grownBytes / MIB)} MiB`,
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

/** `sizeBytes` bytes that repeat `period`; one memory for all. */
async function* repeated(period: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let left = sizeBytes; left > 0; left -= period.byteLength) yield period.subarray(0, left)
}
