import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { Community } from './community.ts'
import type { DurabilitySummary, ObjectDurability } from './content.ts'
import { type Budget, CopyMaker, type CopyMakerParts, type EnsureOptions } from './copy-maker.ts'
import { CountingMembers, type MembersNow, type SelfView } from './counting-members.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObject, KeptObjects } from './kept-objects.ts'
import { KnownCopies } from './known-copies.ts'
import { LackingGroups, nameOf } from './lacking-groups.ts'
import { MeasuredRepairs } from './measured-repairs.ts'
import { durabilityOf } from './object-durability.ts'
import { ObjectGroups } from './object-groups.ts'
import type { ObjectManifest } from './object-manifest.ts'
import { groupsOf, type PlacementGroup, strengthOf } from './plan-copies.ts'
import { Repairer } from './repairer.ts'
import { SummaryTally } from './summary-tally.ts'
import { Trimmer } from './trim-copies.ts'
import { Turnover } from './turnover.ts'

/** After a change, so that many changes at once make one look. */
const LOOK_SOON_MS = 1_000
/** Looking at everything may take this share of the time. */
const LOOK_SHARE_MAX = 0.1
/** After a start members are still on their way to us: nothing is held lost for so long, or for the grace. */
const GATHER_MS_MAX = 60_000
/** What a repair is taken to need besides waiting, until the first one was measured. */
const REPAIR_WORK_MS = 60_000
/** While nothing lacks and only a surplus waits to go, a look now and then is enough. */
const SURPLUS_LOOKS = 10

/** What a replicator needs. */
export interface ReplicatorParts extends Omit<CopyMakerParts, 'self' | 'copies' | 'members' | 'audits'> {
  community: Community
  holdings: Holdings
  kept: KeptObjects
  index: IndexDatabase
  /** Which claims were found false: those copies do not count. */
  audits: Pick<AuditLedger, 'counts' | 'isSuspended' | 'noteRestored' | 'onChange' | 'lastProved'>
  clock: Clock
  log: Logger
  metrics: Metrics
  /** The manifest of an object kept here, from disk or, when its pages are missing, from peers. */
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
}

/** How patient a replicator is. */
export interface ReplicatorOptions {
  /** How long a member may be away before its copies are made again elsewhere. @default 600_000 */
  graceMs: number
  /** How long a loss must last before anything is done about it. @default 15_000 */
  settleMs: number
  /** How much longer each next holder in rank waits for the ones before it. @default 60_000 */
  standbyMs: number
  /** How often everything is looked at, also when nothing seems to have changed. @default 30_000 */
  intervalMs: number
  /** How long there must be copies to spare, their holders all here, before one goes. @default a day */
  trimAfterMs: number
  /** What we offer ourselves, as others see us in our status. */
  selfView: () => SelfView
  /** Waits for a share of the bandwidth that repair may take. */
  budget?: Budget
}

/**
 * Keeps every object that has a part here at its number of copies, also when the publisher is gone: looks at all of
 * them whenever something changed, repairs what may lose the fewest first, and lets go of what is too many. For each
 * group of chunks the highest-ranked online holder acts; the others stand by and step in one after the other when
 * nothing happens.
 */
export class Replicator {
  readonly members: CountingMembers
  readonly copies: KnownCopies
  readonly #parts: ReplicatorParts
  readonly #options: ReplicatorOptions
  readonly #maker: CopyMaker
  readonly #groups: ObjectGroups
  readonly #lacking: LackingGroups
  readonly #repairer: Repairer
  readonly #trimmer: Trimmer
  readonly #turnover: Turnover
  readonly #measured: MeasuredRepairs
  readonly #stopping = new AbortController()
  #summary: DurabilitySummary = new SummaryTally().summary
  #timer: Timer | undefined
  #dueAt = Infinity
  #lookedAt = ''
  #lookEndedAt = -Infinity
  #lookedAtAllAt = -Infinity
  #lookTookMs = 0
  #observedAt: number | undefined
  #stops: (() => void)[] = []

  constructor(parts: ReplicatorParts, options: ReplicatorOptions) {
    this.#parts = parts
    this.#options = options
    const { community, audits } = parts
    const { self } = community
    const isSuspended = (peer: PeerId) => audits.isSuspended(peer)
    const members = new CountingMembers({ ...parts, isSuspended }, options)
    const copies = new KnownCopies(parts)
    this.members = members
    this.copies = copies
    this.#maker = new CopyMaker({ ...parts, self, copies, members })
    this.#groups = new ObjectGroups(parts)
    this.#lacking = new LackingGroups({ ...parts, self, copies }, options)
    this.#turnover = new Turnover(parts)
    this.#measured = new MeasuredRepairs(options.graceMs + options.settleMs + REPAIR_WORK_MS)
    this.#repairer = new Repairer(
      {
        ...parts,
        members,
        copies,
        groups: this.#groups,
        lacking: this.#lacking,
        measured: this.#measured,
        maker: this.#maker,
      },
      options,
    )
    this.#trimmer = new Trimmer(
      { ...parts, copies },
      { afterMs: options.trimAfterMs, standbyMs: options.standbyMs },
    )
    this.#addGauges()
  }

  start(): void {
    const { community, holdings, audits, clock } = this.#parts
    this.#lacking.actFrom = clock.monotonic() + Math.min(this.#options.graceMs, GATHER_MS_MAX)
    this.#stops = [
      audits.onChange(() => this.lookSoon()),
      community.onChange(() => {
        this.members.observe()
        this.#lookIn(LOOK_SOON_MS)
      }),
      holdings.onChange(() => this.#lookIn(LOOK_SOON_MS)),
    ]
    this.#lookIn(Math.min(this.#options.intervalMs, LOOK_SOON_MS))
  }

  stop(): void {
    this.#timer?.stop()
    this.#stopping.abort()
    this.#repairer.stop()
    this.#maker.stop()
    for (const stop of this.#stops.splice(0)) stop()
    if (this.#observedAt !== undefined) this.#turnover.save()
    this.#observedAt = undefined
  }

  /** Objects waiting for or under repair. */
  get queued(): number {
    return this.#repairer.queued
  }

  /** What the last look at everything showed. */
  get summary(): DurabilitySummary {
    return this.#summary
  }

  /** Looks soon whether an object lacks copies. */
  lookSoon(): void {
    this.#lookedAt = ''
    this.#lookIn(LOOK_SOON_MS)
  }

  /** Creates copies until the object has what its policy asks for, or nobody is left to take more. */
  ensure(facts: ObjectFacts, manifest: ObjectManifest, options: EnsureOptions = {}): Promise<void> {
    return this.#repairer.ensure(facts, manifest, options)
  }

  /** What is known now about how safe an object is. */
  durability(facts: ObjectFacts, manifest: ObjectManifest): Omit<ObjectDurability, 'keptHere'> {
    const members = this.members.now()
    return durabilityOf(facts, groupsOf(manifest.shape, facts.policy), this.copies.heldBy(members.counting), {
      self: this.#parts.community.self,
      members,
      proofs: this.#parts.audits,
      rates: { leavesPerDay: this.#turnover.leavesPerDay, repairMs: this.#measured.meanMs },
    })
  }

  #lookIn(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    const now = this.#parts.clock.monotonic()
    const rested = this.#lookEndedAt + this.#lookTookMs / LOOK_SHARE_MAX
    const dueAt = Math.max(now + delayMs, rested)
    if (dueAt >= this.#dueAt) return
    this.#timer?.stop()
    this.#dueAt = dueAt
    this.#timer = this.#parts.clock.after(dueAt - now, () => {
      this.#dueAt = Infinity
      this.#look().catch((error) => this.#parts.log.warn('look at copies failed', { error }))
    })
  }

  /** Looks at every object; quiet when nothing changed since the last look and nothing was lacking then. */
  async #look(): Promise<void> {
    const { kept, clock } = this.#parts
    const begin = clock.monotonic()
    kept.followExpiry()
    this.#observe(begin)
    const members = this.members.now()
    const seen = this.#viewOf(members)
    const isSurplusDue =
      this.#trimmer.isWaiting && begin - this.#lookedAtAllAt > this.#options.trimAfterMs / SURPLUS_LOOKS
    const isQuiet = seen === this.#lookedAt && this.#lacking.size === 0 && !isSurplusDue
    if (seen !== this.#lookedAt) this.#repairer.retryAll()
    this.#lookedAt = seen
    if (!isQuiet) {
      this.#lookedAtAllAt = begin
      await this.#lookAtAll(members)
    }
    this.#lookEndedAt = clock.monotonic()
    this.#lookTookMs = isQuiet ? 0 : this.#lookEndedAt - begin
    this.#lookIn(this.#options.intervalMs)
    if (this.#lacking.size > 0)
      this.#lookIn(Math.max(this.#lacking.settledAt - clock.monotonic(), LOOK_SOON_MS))
  }

  /** What a look depends on. Somebody back within the grace changes only who can take more, not who counts. */
  #viewOf(members: MembersNow): string {
    const takers = members.candidates(1).map(({ peer }) => peer)
    const sorted = [members.counting, members.awaited, takers].map((peers) => [...peers].sort().join())
    return [this.#parts.holdings.version, ...sorted].join(' ')
  }

  async #lookAtAll(members: MembersNow): Promise<void> {
    const names = new Set<string>()
    const roots = new Set<ContentId>()
    const tally = new SummaryTally()
    const holdersOf = this.copies.heldBy(members.counting)
    for (const object of this.#parts.kept.list()) {
      if (this.#stopping.signal.aborted) return
      roots.add(object.root)
      const known = await this.#groups.of(object, this.#stopping.signal)
      if (known === undefined) tally.addUnknown()
      else {
        tally.add(object, known.groups, holdersOf)
        for (const group of known.groups) names.add(nameOf(group))
      }
      if (known === undefined || this.#repairer.isBusy(object.root)) {
        // Whoever is at it may fail; then this look has seen nothing of it, and the next must not be quiet.
        this.#lookedAt = ''
        continue
      }
      const acting = this.#lacking.acting(object, known, members)
      if (acting.length > 0) {
        this.#repairer.add(object, Math.min(...acting.map((group) => strengthOf(group, holdersOf).margin)))
      } else if (this.#lacking.actFrom <= this.#parts.clock.monotonic()) {
        await this.#trim(object, known.groups, members)
      }
    }
    this.#summary = tally.summary
    this.#groups.forgetOthers(roots)
    this.#lacking.forgetOthers(names)
    this.#trimmer.forgetOthers(names)
    this.#repairer.work()
  }

  #observe(now: number): void {
    const { community, clock } = this.#parts
    this.members.observe()
    if (this.#observedAt !== undefined)
      this.#turnover.observe(community.members(), clock.now(), now - this.#observedAt)
    this.#observedAt = now
  }

  async #trim(object: KeptObject, groups: readonly PlacementGroup[], members: MembersNow): Promise<void> {
    const { kept, log } = this.#parts
    const hasParts = groups.some(({ kind, ids }) => kind !== 'manifest' && ids.some((id) => kept.isKept(id)))
    for (const group of groups) {
      // Whoever keeps a part keeps the manifest, to be able to repair the whole.
      if (group.kind === 'manifest' && hasParts) continue
      if (!this.#trimmer.isDue(nameOf(group), group, members)) continue
      await this.#trimmer
        .trim(object, group, members, this.#stopping.signal)
        .catch((error) => log.debug('copies not let go', { root: object.root, error }))
    }
  }

  #addGauges(): void {
    const { metrics } = this.#parts
    metrics.gauge('kizuna_objects_below_target', 'kept objects with fewer copies than asked for', () => {
      return this.#summary.belowTarget
    })
    metrics.gauge('kizuna_objects_unreadable', 'kept objects that cannot be read now', () => {
      return this.#summary.unreadable
    })
    metrics.gauge('kizuna_object_margin_min', 'losses that the weakest kept object still bears', () => {
      return this.#summary.worst?.margin ?? 0
    })
    metrics.gauge('kizuna_repair_queue', 'objects waiting for or under repair', () => this.queued)
    metrics.gauge('kizuna_member_leaves_per_day', 'departures for good per member and day', () => {
      return this.#turnover.leavesPerDay
    })
  }
}
