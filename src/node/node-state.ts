import type { Content } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStoreUsage } from '../storage/chunk-store.ts'
import type { NodeStorage } from './open-storage.ts'
import type { StorageForOthers } from './storage-for-others.ts'
import { VERSION } from './version.ts'

/** Less room than this on the disk, and storing soon fails. */
const DISK_FREE_BYTES_MIN = 256 * 1024 * 1024
/** More waiting than this, and copies fall behind. */
const QUEUE_LENGTH_MAX = 10_000

/** Stable words for what somebody should look at. */
export const DEGRADED_WORDS = [
  'disk-nearly-full',
  'disk-unreadable',
  'chunks-unreadable',
  'not-listening',
  'repair-behind',
] as const

/** One of them. */
export type DegradedWord = (typeof DEGRADED_WORDS)[number]

/** Facts about the running node that no single part knows. */
export interface NodeState {
  /** `clock.now()` when it was put together. */
  readonly startedAt: number
  /** Whether the last stop saved everything; true at the first start. */
  readonly cleanStart: boolean
  readonly version: string
  /** Chunk bytes received from peers since the start. */
  receivedBytes(): Promise<number>
  /** Chunk bytes sent to peers since the start. */
  sentBytes(): Promise<number>
  /** Everything on this machine. */
  usage(): Promise<ChunkStoreUsage>
  /** Bytes stored for others. */
  storedForOthersBytes(): number
  /** What somebody should look at; empty when all is well. Asks nobody outside. */
  degraded(): Promise<DegradedWord[]>
}

/** The state over the parts that know it. */
export function createNodeState(
  parts: {
    clock: Clock
    metrics: Metrics
    storage: NodeStorage
    forOthers: StorageForOthers
    network: Network
    content: Content
  },
  options: { cleanStart: boolean },
): NodeState {
  const { clock, metrics, storage, forOthers, network, content } = parts
  return {
    startedAt: clock.now(),
    cleanStart: options.cleanStart,
    version: VERSION,
    receivedBytes: () => metrics.total('kizuna_chunk_bytes_fetched_total'),
    async sentBytes() {
      const [served, pushed] = await Promise.all([
        metrics.total('kizuna_chunk_bytes_served_total'),
        metrics.total('kizuna_chunk_bytes_pushed_total'),
      ])
      return served + pushed
    },
    usage: () => storage.chunks.usage(),
    storedForOthersBytes: () => forOthers.storedBytes,
    async degraded() {
      const words: DegradedWord[] = []
      try {
        if ((await storage.disk.space()).freeBytes < DISK_FREE_BYTES_MIN) words.push('disk-nearly-full')
      } catch {
        words.push('disk-unreadable')
      }
      if (network.addresses().length === 0) words.push('not-listening')
      if (content.scrubber.report().unreadable > 0) words.push('chunks-unreadable')
      if (Math.max(...Object.values(content.queues())) > QUEUE_LENGTH_MAX) words.push('repair-behind')
      return words
    },
  }
}
