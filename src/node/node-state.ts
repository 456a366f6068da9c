import type { ChunkStoreUsage } from '../storage/chunk-store.ts'

/** Facts about the running node that no single part knows. */
export interface NodeState {
  /** `clock.now()` when it became ready. */
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
  /** Stable words for what somebody should look at, such as `disk-nearly-full`; empty when all is well. */
  degraded(): Promise<string[]>
}
