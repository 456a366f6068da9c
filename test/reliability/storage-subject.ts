import type { ContentId } from '../../src/core/content-id.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import type { VirtualClock } from '../../src/core/virtual-clock.ts'
import { type ChunkLease, ChunkLeases } from '../../src/storage/chunk-leases.ts'
import type { ChunkStore } from '../../src/storage/chunk-store.ts'
import type { Disk } from '../../src/storage/disk.ts'
import { openFileChunkStore } from '../../src/storage/file-chunk-store.ts'
import {
  createCollectedChunkStore,
  GarbageCollector,
  type GarbageReport,
} from '../../src/storage/garbage-collector.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'
import { Pins } from '../../src/storage/pins.ts'
import { createQuotaChunkStore } from '../../src/storage/quota-chunk-store.ts'
import type { Plantings } from './planted-storage-bugs.ts'
import type { ModelLimits } from './storage-model.ts'

/** Small, so that packs fill and are rewritten within a sequence. */
const PACK_BYTES_MAX = 200_000

/** One life of the parts that decide what is on this machine, put together as a node does; maybe with a bug. */
export interface StorageSubject {
  chunks: ChunkStore
  pins: Pins
  leases: ChunkLeases
  lease(holder: number, ids: readonly ContentId[]): void
  release(holder: number): void
  collect(options: { dryRun: boolean }): Promise<GarbageReport>
  close(): Promise<void>
}

/** Opens it on a disk. */
export async function openStorageSubject(
  parts: { disk: Disk; clock: VirtualClock },
  limits: ModelLimits,
  bug: Plantings = {},
): Promise<StorageSubject> {
  const { clock } = parts
  const disk = bug.disk?.(parts.disk) ?? parts.disk
  const log = silentLogger
  const metrics = createMetrics({ processMetrics: false })
  const index = openIndexDatabase(disk.openDatabase('index.db'))
  const files = await openFileChunkStore(
    { disk, index, clock, log, metrics },
    { folder: 'chunks', packBytesMax: PACK_BYTES_MAX },
  )
  const truePins = new Pins({ index, clock })
  const leases = new ChunkLeases()
  const quota = { sizeBytesMax: limits.sizeBytesMax, chunksMax: limits.chunksMax }
  const store = createQuotaChunkStore(files, bug.quota?.(quota) ?? quota)
  const isPinned = bug.pinned?.(truePins) ?? ((id: ContentId) => truePins.has(id))
  const isLeased = (id: ContentId) => leases.has(id)
  const collected = createCollectedChunkStore(files, { noteStored: () => {} })
  const collector = new GarbageCollector(
    {
      chunks: bug.collected?.(collected) ?? collected,
      pins: Object.assign(Object.create(truePins), {
        has: isPinned,
        removeExpired: () => truePins.removeExpired(),
      }) as Pins,
      leases: { has: bug.leased?.(isLeased) ?? isLeased } as ChunkLeases,
      index,
      clock,
      log,
      metrics,
    },
    { graceMs: bug.graceMs?.(limits.graceMs) ?? limits.graceMs },
  )
  const noteStored = (id: ContentId) => {
    if (bug.forgetsToNoteStored !== true) collector.noteStored(id)
  }
  const chunks = createCollectedChunkStore(store, { noteStored })
  const held = new Map<number, { lease: ChunkLease; ids: Set<ContentId> }>()
  const release = (holder: number) => {
    const own = held.get(holder)
    held.delete(holder)
    own?.lease.release()
    if (bug.releasesOthersLeases !== true || own === undefined) return
    for (const [other, { ids }] of held) if ([...ids].some((id) => own.ids.has(id))) release(other)
  }
  return {
    chunks: bug.chunks?.(chunks) ?? chunks,
    pins: bug.pins?.(truePins) ?? truePins,
    leases,
    lease(holder, ids) {
      const own = held.get(holder) ?? { lease: leases.hold(), ids: new Set<ContentId>() }
      held.set(holder, own)
      for (const id of ids) {
        own.lease.add(id)
        own.ids.add(id)
      }
    },
    release,
    collect: ({ dryRun }) =>
      bug.neverCollects === true
        ? collector.collect({ dryRun: true })
        : collector.collect({ dryRun: dryRun && bug.dryRunIsReal !== true }),
    async close() {
      await chunks.close()
      index.close()
    },
  }
}
