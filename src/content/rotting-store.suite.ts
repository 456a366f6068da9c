/** Chunk stores in files whose disk rots, for tests: bits turn over, pages go blank, files are cut or change places. */
import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf, matchesContentId } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { openFileChunkStore } from '../storage/file-chunk-store.ts'
import { type IndexDatabase, openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'

const PAGE_BYTES = 4_096
const FOLDER = 'chunks'

/** A store with what is needed to spoil it. */
export interface RottingStore {
  disk: MemoryDisk
  index: IndexDatabase
  chunks: ChunkStore
}

/** How a disk goes wrong: a bit, a page of zeros, a file cut, two files that changed places. */
export const ROT_KINDS = ['bit', 'page', 'cut', 'swap'] as const
export type RotKind = (typeof ROT_KINDS)[number]

interface Row {
  digest: Uint8Array
  size: number
  pack: number | null
  offset: number | null
}

/** A store in files on a disk of its own. */
export async function openRottingStore(clock: Clock): Promise<RottingStore> {
  const disk = new MemoryDisk()
  const index = openIndexDatabase(disk.openDatabase('chunks.db'))
  const metrics = createMetrics({ processMetrics: false })
  const parts = { disk, index, clock, log: silentLogger, metrics }
  return { disk, index, chunks: await openFileChunkStore(parts, { folder: FOLDER }) }
}

/** Makes the bytes of a chunk wrong on the disk; a chunk in a pack can only have its bits turned over. */
export async function rotChunk(
  { disk, index }: RottingStore,
  id: ContentId,
  kind: RotKind,
  random: Random,
): Promise<void> {
  const row = index.get<Row>('SELECT * FROM stored_chunk WHERE digest = ?', digestOf(id))
  if (row === undefined) return
  // What was cut before is wrong already.
  if (((await disk.sizeOf(pathOf(row))) ?? 0) < (row.offset ?? 0) + row.size || row.size === 0) return
  const other = index.get<Row>(
    'SELECT * FROM stored_chunk WHERE pack IS NULL AND digest <> ? ORDER BY digest LIMIT 1 OFFSET ?',
    digestOf(id),
    random.integer(8),
  )
  if (kind === 'bit' || row.pack !== null || row.size <= PAGE_BYTES) {
    disk.flipBit(pathOf(row), ((row.offset ?? 0) + random.integer(row.size)) * 8 + random.integer(8))
  } else if (kind === 'swap') {
    if (other === undefined) return
    await disk.rename(pathOf(row), 'swapped')
    await disk.rename(pathOf(other), pathOf(row))
    await disk.rename('swapped', pathOf(other))
  } else {
    const file = await disk.open(pathOf(row), 'update')
    const at = random.integer(row.size - PAGE_BYTES)
    if (kind === 'cut') await file.truncate(at)
    else await file.write(at, new Uint8Array(PAGE_BYTES))
    await file.close()
  }
}

/** Chunks whose bytes on the disk are not theirs, looked up without the store's noticing. */
export async function wrongChunks({ disk, index }: RottingStore): Promise<ContentId[]> {
  const wrong: ContentId[] = []
  for (const row of index.all<Row>('SELECT * FROM stored_chunk')) {
    const id = contentIdFromDigest(row.digest)
    const file = await disk.open(pathOf(row), 'read')
    const bytes = await file.read(row.offset ?? 0, row.size)
    await file.close()
    if (!matchesContentId(bytes, id)) wrong.push(id)
  }
  return wrong
}

function pathOf({ digest, pack }: Row): string {
  if (pack !== null) return `${FOLDER}/packs/${String(pack).padStart(8, '0')}.pack`
  const id = contentIdFromDigest(digest)
  return `${FOLDER}/${id.slice(-3, -1)}/${id}`
}
