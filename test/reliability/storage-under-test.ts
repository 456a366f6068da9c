/**
 * Storage as a node opens it, work for it to do, and the book of what it acknowledged. Used by the programs that
 * kill, cut, fill and break what lies under it.
 */
import { createHash } from 'node:crypto'
import { SystemClock } from '../../src/core/clock.ts'
import { type ContentId, contentIdOf } from '../../src/core/content-id.ts'
import { toKizunaError } from '../../src/core/kizuna-error.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import type { Random } from '../../src/core/random.ts'
import { type Chunk, chunkOf } from '../../src/storage/chunk.ts'
import type { ChunkStore } from '../../src/storage/chunk-store.ts'
import type { Disk } from '../../src/storage/disk.ts'
import { openFileChunkStore } from '../../src/storage/file-chunk-store.ts'
import type { IndexDatabase } from '../../src/storage/index-database.ts'
import { ManifestBuilder } from '../../src/storage/manifest-builder.ts'
import { Pins } from '../../src/storage/pins.ts'
import { openTwofoldIndex } from '../../src/storage/twofold-index.ts'
import { hookIndex, type StorageHooks } from './hooked-disk.ts'

/** Small packs, so that a few hundred chunks fill and rewrite many. */
const PACK_BYTES_MAX = 400_000
/** Lengths of chunks: packed ones, the longest packed one, and ones with a file of their own. */
const LENGTHS = [33, 40, 700, 9_000, 16_384, 16_385, 40_000]
const OWNER = 'self'

/** One life of the storage of a node. */
export interface StorageUnderTest {
  index: IndexDatabase
  chunks: ChunkStore
  pins: Pins
  close(): Promise<void>
}

/** Opens everything on a disk as a node does. */
export async function openStorageUnderTest(
  disk: Disk,
  options: { hooks?: StorageHooks; packs?: 'small' | 'as a node'; onCorrupt?: (id: ContentId) => void } = {},
): Promise<StorageUnderTest> {
  const clock = new SystemClock()
  const twofold = await openTwofoldIndex({ disk, log: silentLogger }, { path: 'index.db' })
  const index = options.hooks === undefined ? twofold.index : hookIndex(twofold.index, options.hooks)
  try {
    index.migrate('row', ['CREATE TABLE row (number INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT'])
    const chunks = await openFileChunkStore(
      { disk, index, clock, log: silentLogger, metrics: createMetrics({ processMetrics: false }) },
      {
        folder: 'chunks',
        ...(options.packs === 'as a node' ? {} : { packBytesMax: PACK_BYTES_MAX }),
        ...(options.onCorrupt === undefined ? {} : { onCorrupt: options.onCorrupt }),
      },
    )
    const pins = new Pins({ index, clock })
    return {
      index,
      chunks,
      pins,
      async close() {
        await chunks.close()
        await twofold.close()
      },
    }
  } catch (error) {
    await twofold.close().catch(() => {})
    throw error
  }
}

/** What was acknowledged. A line is written when the call has answered; what takes something away, before it. */
export class Ledger {
  readonly chunks = new Set<ContentId>()
  readonly pins = new Map<ContentId, ContentId[]>()
  readonly rows = new Map<number, string>()

  /** Reads one line, as `workOnStorage` says them. */
  note(line: string): void {
    const [what, id, ...more] = line.split(' ') as [string, ContentId, ...ContentId[]]
    if (what === 'chunk') this.chunks.add(id)
    else if (what === 'delete') this.chunks.delete(id)
    else if (what === 'pin') this.pins.set(id, more)
    else if (what === 'unpin') this.pins.delete(id)
    else if (what === 'row') this.rows.set(Number(id), more[0] ?? '')
  }

  /** Everything acknowledged that is not there, and everything there that is not whole. */
  async check({ index, chunks, pins }: StorageUnderTest): Promise<string[]> {
    const wrong: string[] = []
    for (const id of this.chunks) {
      const bytes = await chunks.get(id).catch((error: unknown) => toKizunaError(error).code)
      if (typeof bytes === 'string') wrong.push(`chunk ${id} lost: ${bytes}`)
      else if (contentIdOf(bytes) !== id) wrong.push(`chunk ${id} served with wrong bytes`)
    }
    for (const [root, ids] of this.pins) {
      if (!ids.every((id) => pins.has(id))) wrong.push(`pin of ${root} lost`)
    }
    for (const [number, body] of this.rows) {
      const row = index.get<{ body: string }>('SELECT body FROM row WHERE number = ?', number)
      if (row?.body !== body) wrong.push(`row ${number} lost`)
    }
    let listed = 0
    for await (const id of chunks.ids()) {
      listed++
      await chunks.get(id).catch(() => wrong.push(`chunk ${id} is listed and torn`))
    }
    const usage = await chunks.usage()
    if (usage.chunks !== listed) wrong.push(`${usage.chunks} chunks counted, ${listed} listed`)
    return wrong
  }
}

/** How work goes on. */
export interface WorkOptions {
  random: Random
  /** How many steps. */
  steps: number
  /** Told a line of each thing that is acknowledged. */
  acknowledge: (line: string) => void
  /** What a refused step is told to; without it the refusal ends the work. */
  onRefused?: (error: unknown) => void
}

/** Stores, publishes, deletes, pins, unpins and notes things, several at a time. */
export async function workOnStorage(storage: StorageUnderTest, options: WorkOptions): Promise<void> {
  const { random, acknowledge } = options
  const mine: { root: ContentId; ids: ContentId[] }[] = []
  const loose: ContentId[] = []
  const { chunks, pins, index } = storage
  const put = async (chunk: Chunk): Promise<ContentId> => {
    await chunks.put(chunk.id, chunk.bytes)
    acknowledge(`chunk ${chunk.id}`)
    return chunk.id
  }
  const newChunk = () => chunkOf(random.bytes(LENGTHS[random.integer(LENGTHS.length)] ?? 0))
  const steps: (() => Promise<unknown>)[] = [
    async () => loose.push(await put(newChunk())),
    async () => {
      const puts = await Promise.allSettled(Array.from({ length: 12 }, () => put(newChunk())))
      for (const one of puts) {
        if (one.status === 'rejected') throw one.reason
        loose.push(one.value)
      }
    },
    async () => {
      const builder = new ManifestBuilder({ profile: 'cdc' })
      const hash = createHash('sha256')
      const ids: ContentId[] = []
      for (let count = 1 + random.integer(3); count > 0; count--) {
        const chunk = newChunk()
        builder.addChunk(chunk.id, chunk.bytes.byteLength)
        hash.update(chunk.bytes)
        ids.push(await put(chunk))
      }
      const { chunk } = builder.finish({ sha256: hash.digest() })
      ids.push(await put(chunk))
      pins.add({ root: chunk.id, owner: OWNER }, ids)
      acknowledge(`pin ${chunk.id} ${ids.join(' ')}`)
      mine.push({ root: chunk.id, ids })
    },
    async () => {
      const number = random.integer(2 ** 31)
      const body = Buffer.from(random.bytes(20)).toString('hex')
      index.run('INSERT OR IGNORE INTO row (number, body) VALUES (?, ?)', number, body)
      acknowledge(`row ${number} ${body}`)
    },
    async () => {
      for (const id of loose.splice(0, 20)) {
        acknowledge(`delete ${id}`)
        await chunks.delete(id)
      }
    },
    async () => {
      const object = mine.length > 3 ? mine.shift() : undefined
      if (object === undefined) return
      acknowledge(`unpin ${object.root}`)
      pins.remove(object.root, OWNER)
    },
    async () => {
      const id = loose.at(-1)
      if (id !== undefined) await chunks.get(id)
    },
  ]
  const worker = async () => {
    for (let step = options.steps; step > 0; step--) {
      try {
        await steps[random.integer(steps.length)]?.()
      } catch (error) {
        if (options.onRefused === undefined) throw error
        options.onRefused(error)
      }
    }
  }
  const workers = await Promise.allSettled([worker(), worker(), worker()])
  const failed = workers.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
