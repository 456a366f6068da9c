import type { PeerId } from '../core/signing-key.ts'

/** A member of the space as placement and repair need to see it. */
export interface MemberView {
  peer: PeerId
  /** Connected, or its status record is fresh. */
  online: boolean
  /** `clock.now()` of the last sign of life. */
  lastSeenAt: number
  /** Whether it offers to store for others. */
  stores: boolean
  /** Bytes it still offers. */
  freeBytes: number
  /** Share of time it was up, 0 to 1, measured by us. */
  uptime: number
  /** Two members with the same domain may fail together (one machine, one home). */
  failureDomain: string
  latencyMs: number | undefined
  /** How many ids it says it holds, and their fingerprint (`core/set-reconciliation.ts`); undefined before its first status. */
  holdings: { count: number; fingerprint: string } | undefined
  /** It said that it leaves for good: its copies count no more, though it may still be read from. @default false */
  leaving?: boolean
}

/**
 * Who is in the space, as content needs to know it. Made by `node/` from records and the network;
 * a plain object in tests.
 */
export interface Community {
  readonly self: PeerId
  /** Members other than us, also those that are away. */
  members(): MemberView[]
  isMember(peer: PeerId): boolean
  /** Whether peers that are no members may read (an open space). */
  readonly publicReading: boolean
  /** Calls `listener` when somebody comes, goes or changes; returns how to stop. */
  onChange(listener: () => void): () => void
}
