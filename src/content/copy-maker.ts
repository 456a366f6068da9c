import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { CountingMembers } from './counting-members.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { KeptObjects } from './kept-objects.ts'
import { type KnownCopies, without } from './known-copies.ts'
import type { ObjectManifest } from './object-manifest.ts'
import { type CopyWanted, groupsOf, type PlacementGroup, planCopies } from './plan-copies.ts'
import { type PushParts, pushCopies } from './push-copies.ts'

/** Plans of one call: a peer that refuses or breaks off is left out of the next. */
const ROUNDS_MAX = 4
/** Peers that chunks are sent to at once. */
const PEERS_AT_ONCE_MAX = 8
/** Chunks that are paid for and then fetched together, when copies come to us. */
const TAKEN_AT_ONCE_MAX = 16

/** Waits for a share of the bandwidth. */
export type Budget = (sizeBytes: number, signal: AbortSignal | undefined) => Promise<void>

/** What making copies needs. */
export interface CopyMakerParts extends PushParts {
  self: PeerId
  kept: KeptObjects
  copies: KnownCopies
  members: CountingMembers
  audits: Pick<AuditLedger, 'noteRestored'>
  log: Logger
  metrics: Metrics
  /** Fetches (or rebuilds from parity) chunks and keeps them here for the space. */
  fetchForSpace: (
    facts: ObjectFacts,
    ids: readonly ContentId[],
    hints: readonly PeerId[],
    signal: AbortSignal,
  ) => AsyncIterable<ContentId>
}

/** How far one call goes. */
export interface EnsureOptions {
  signal?: AbortSignal
  /** Called as copies are confirmed. */
  onKept?: (id: ContentId, peer: PeerId) => void
  /** Only these groups. @default all */
  groups?: readonly PlacementGroup[]
  /** For copies that nobody waits for. @default as fast as it goes */
  budget?: Budget
  /** Called with the bytes of copies that were made, as they are. */
  onCopied?: (sizeBytes: number) => void
  /** A peer whose copies do not count, and that gets none: one that leaves. */
  leaver?: PeerId
}

/** Makes copies: plans what is missing, and sends it or has it fetched. */
export class CopyMaker {
  readonly #parts: CopyMakerParts
  readonly #stopping = new AbortController()

  constructor(parts: CopyMakerParts) {
    this.#parts = parts
  }

  stop(): void {
    this.#stopping.abort()
  }

  /**
   * Creates copies until the object has what its policy asks for, or nobody is left to take more. Without a
   * lack there is no traffic at all.
   */
  async ensure(facts: ObjectFacts, manifest: ObjectManifest, options: EnsureOptions = {}): Promise<void> {
    const groups = options.groups ?? groupsOf(manifest.shape, facts.policy)
    const left = new Set<PeerId>()
    if (options.leaver !== undefined) left.add(options.leaver)
    for (let round = 0; round < ROUNDS_MAX; round++) {
      options.signal?.throwIfAborted()
      const members = this.#parts.members.now()
      const candidates = members.candidates(chunkBytesOf(manifest)).filter(({ peer }) => !left.has(peer))
      const wanted = groups.flatMap((group) => {
        const holdersOf = this.#parts.copies.forRepair(group, members)
        const counted = options.leaver === undefined ? holdersOf : without(options.leaver, holdersOf)
        return planCopies(group, counted, candidates)
      })
      if (wanted.length === 0) return
      for (const peer of await this.#place(facts, manifest, wanted, options)) left.add(peer)
    }
  }

  /** Carries a plan out, several peers at once; returns those that did not take all they were meant to. */
  async #place(
    facts: ObjectFacts,
    manifest: ObjectManifest,
    wanted: readonly CopyWanted[],
    options: EnsureOptions,
  ): Promise<PeerId[]> {
    const waiting = [...Map.groupBy(wanted, ({ peer }) => peer).entries()]
    const failed: PeerId[] = []
    const manifestIds = [manifest.shape.root, ...manifest.shape.pageIds]
    const chunkBytesMax = chunkBytesOf(manifest)
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [peer, copies] = next
        const ids = copies.map(({ id }) => id)
        const input = { peer, facts, manifestIds, ids, chunkBytesMax }
        const done =
          peer === this.#parts.self ? await this.#take(input, options) : await this.#push(input, options)
        if (!done) failed.push(peer)
      }
    }
    await Promise.all(Array.from({ length: PEERS_AT_ONCE_MAX }, worker))
    return failed
  }

  async #push(input: Parameters<typeof pushCopies>[1], options: EnsureOptions): Promise<boolean> {
    const { audits, members, holdings } = this.#parts
    const result = await pushCopies(this.#parts, input, options)
    audits.noteRestored(input.peer, result.kept)
    options.onCopied?.(result.copiedBytes)
    if (result.refused) members.noteRefusal(input.peer)
    return input.ids.every((id) => holdings.keeps(input.peer, id))
  }

  async #take(
    { facts, manifestIds, ids, chunkBytesMax }: Parameters<typeof pushCopies>[1],
    options: EnsureOptions,
  ): Promise<boolean> {
    const { kept, chunks, fetchForSpace, log, self } = this.#parts
    const missing = [...new Set([...manifestIds, ...ids])].filter((id) => !kept.isKept(id))
    const signal = AbortSignal.any([this.#stopping.signal, ...(options.signal ? [options.signal] : [])])
    let count = 0
    try {
      for (let start = 0; start < missing.length; start += TAKEN_AT_ONCE_MAX) {
        const batch = missing.slice(start, start + TAKEN_AT_ONCE_MAX)
        await options.budget?.(batch.length * chunkBytesMax, signal)
        for await (const id of fetchForSpace(facts, batch, [], signal)) {
          options.onKept?.(id, self)
          options.onCopied?.((await chunks.sizeOf(id)) ?? chunkBytesMax)
          count++
        }
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      log.debug('copies not taken over', { root: facts.root, error })
    }
    return count === missing.length
  }
}

/** No chunk of the object is longer, and no small object is longer than itself. */
export function chunkBytesOf(manifest: ObjectManifest): number {
  return Math.max(Math.min(manifest.chunkBytesMax, manifest.sizeBytes), 1)
}
