import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Network } from '../network/network.ts'
import type { Budget, CopyMaker, EnsureOptions } from './copy-maker.ts'
import type { CountingMembers, MembersNow } from './counting-members.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { RepairTimes } from './durability-odds.ts'
import { hearOfAbsent } from './hear-of-absent.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObject } from './kept-objects.ts'
import type { KnownCopies } from './known-copies.ts'
import { type LackingGroups, nameOf } from './lacking-groups.ts'
import { lossAgesMs, type MeasuredRepairs } from './measured-repairs.ts'
import type { KnownGroups, ObjectGroups } from './object-groups.ts'
import type { ObjectManifest } from './object-manifest.ts'
import { type PlacementGroup, strengthOf } from './plan-copies.ts'
import { RepairQueue } from './repair-queue.ts'

/** Objects under repair at once. */
const REPAIRS_AT_ONCE_MAX = 2
/** Held keys that were compared so short a while ago need no comparing before a repair. */
const COMPARED_FRESH_MS = 2_000

/** What repairing needs. */
export interface RepairerParts {
  network: Network
  holdings: Holdings
  members: CountingMembers
  copies: KnownCopies
  groups: ObjectGroups
  lacking: LackingGroups
  measured: MeasuredRepairs
  maker: CopyMaker
  clock: Clock
  log: Logger
  metrics: Metrics
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
}

/** Makes copies again, of what may lose the fewest peers first, two objects at a time and within the budget. */
export class Repairer {
  readonly #parts: RepairerParts
  readonly #options: { graceMs: number; budget?: Budget }
  readonly #stopping = new AbortController()
  readonly #queue = new RepairQueue<KeptObject>()
  readonly #busy = new Map<ContentId, number>()
  #running = 0
  #comparedAt = -Infinity

  constructor(parts: RepairerParts, options: { graceMs: number; budget?: Budget }) {
    this.#parts = parts
    this.#options = options
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Objects waiting for or under repair. */
  get queued(): number {
    return this.#queue.size + this.#running
  }

  /** Whether copies of this object are being made now, by a repair or by its publisher. */
  isBusy(root: ContentId): boolean {
    return this.#busy.has(root)
  }

  /** Has an object repaired when it is its turn. @param margin how many more peers it may lose. */
  add(object: KeptObject, margin: number): void {
    this.#queue.add({ root: object.root, margin, what: object }, this.#parts.clock.monotonic())
  }

  /** Something changed: what failed may succeed now. */
  retryAll(): void {
    this.#queue.retryAll()
  }

  /** Makes the copies an object lacks, now; the same object is not repaired meanwhile. */
  async ensure(object: ObjectFacts, manifest: ObjectManifest, options: EnsureOptions): Promise<void> {
    this.#busy.set(object.root, (this.#busy.get(object.root) ?? 0) + 1)
    try {
      await this.#parts.maker.ensure(object, manifest, options)
    } finally {
      const left = (this.#busy.get(object.root) ?? 1) - 1
      if (left > 0) this.#busy.set(object.root, left)
      else this.#busy.delete(object.root)
    }
  }

  /** Works on what waits. */
  work(): void {
    while (this.#running < REPAIRS_AT_ONCE_MAX && !this.#stopping.signal.aborted) {
      const next = this.#queue.next()
      if (next === undefined) return
      if (this.isBusy(next.root)) continue
      this.#running++
      this.#repair(next.what)
        .catch((error) => {
          this.#queue.failed(next.root, this.#parts.clock.monotonic())
          this.#tellFailure(next.root, error)
        })
        .finally(() => {
          this.#running--
          this.work()
        })
    }
  }

  /** What was ended from outside has not failed; what the world did is told in a word. */
  #tellFailure(root: ContentId, error: unknown): void {
    const { log } = this.#parts
    if (this.#stopping.signal.aborted || (error instanceof Error && error.name === 'AbortError')) return
    if (isKizunaError(error)) log.warn('repair failed', { root, code: error.code, reason: error.message })
    else log.error('repair failed', { root, error })
  }

  async #repair(object: KeptObject): Promise<void> {
    const { lacking, members, copies, log, metrics } = this.#parts
    const { signal } = this.#stopping
    await this.#compareAll()
    const manifest = await this.#parts.loadManifest(object.root, signal)
    const known = await this.#parts.groups.of(object, signal)
    if (known === undefined) return
    const before = members.now()
    const holdersOf = copies.heldBy(before.online)
    await hearOfAbsent(this.#parts, lacking.of(known, before), { absent: before.absent, holdersOf, signal })
    const now = members.now()
    const groups = lacking.acting(object, known, now)
    if (groups.length === 0) return
    const plannedAt = this.#parts.clock.monotonic()
    const losses = this.#lossesOf(known, groups, now)
    let count = 0
    const { budget } = this.#options
    await this.ensure(object, manifest, {
      groups,
      signal,
      ...(budget === undefined ? {} : { budget: this.#measuring(budget) }),
      onKept: () => count++,
      onCopied: (sizeBytes) => metrics.count('kizuna_repair_bytes_total', {}, sizeBytes),
    })
    const after = members.now()
    const left = new Set(lacking.of({ ...known, groups }, after).map(({ group }) => group))
    for (const group of groups) {
      const lackedMs = left.has(group) ? undefined : lacking.resolve(group)
      if (lackedMs === undefined) continue
      const { kind, agesMs } = losses.get(nameOf(group)) ?? { kind: 'calm', agesMs: [] }
      const repairedMs = this.#parts.clock.monotonic() - plannedAt
      for (const ageMs of agesMs) this.#parts.measured.note(kind, ageMs + repairedMs)
      metrics.observeSeconds('kizuna_repair_seconds', lackedMs / 1000)
    }
    if (left.size > 0) this.#queue.failed(object.root, this.#parts.clock.monotonic())
    else this.#queue.done(object.root)
    metrics.count('kizuna_repairs_total', { outcome: left.size > 0 ? 'incomplete' : 'complete' })
    log.info('copies repaired', {
      root: object.root,
      groups: groups.length,
      copies: count,
      lacking: left.size,
    })
  }

  /** Since when the copies are gone that these groups lack, and how urgent it is to have them again. */
  #lossesOf(
    known: KnownGroups,
    groups: readonly PlacementGroup[],
    members: MembersNow,
  ): Map<string, { kind: keyof RepairTimes; agesMs: number[] }> {
    const { copies, holdings, lacking } = this.#parts
    const counting = copies.heldBy(members.counting)
    const keepersOf = (id: ContentId) => holdings.keepersOf(id)
    return new Map(
      lacking.of({ ...known, groups }, members).map(({ group, ids }) => {
        const isUrgent = strengthOf(group, counting).margin < 1
        const agesMs = lossAgesMs(ids, keepersOf, members, isUrgent)
        return [nameOf(group), { kind: isUrgent ? 'urgent' : 'calm', agesMs }]
      }),
    )
  }

  /** What looks lost may only be news that has not reached us. */
  async #compareAll(): Promise<void> {
    const { clock, holdings } = this.#parts
    if (clock.monotonic() - this.#comparedAt < COMPARED_FRESH_MS) return
    await holdings.syncAll({ signal: this.#stopping.signal })
    this.#comparedAt = clock.monotonic()
  }

  #measuring(budget: Budget): Budget {
    const { clock, metrics } = this.#parts
    return async (sizeBytes, signal) => {
      const begin = clock.monotonic()
      await budget(sizeBytes, signal)
      metrics.count('kizuna_repair_waited_seconds_total', {}, (clock.monotonic() - begin) / 1000)
    }
  }
}
