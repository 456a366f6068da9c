/**
 * A space in which members come, go off and on, and leave for good, and in which copies are planned, waited for and
 * made again by the production rules: who counts (`CountingMembers`), what lacks and who gets it (`KnownCopies`,
 * `planCopies`), how departures and repairs are measured (`Turnover`, `MeasuredRepairs`). Only moving bytes is left
 * out: a copy is there after a while. Time goes in steps, so that a hundred thousand object-months take minutes.
 */
import { hash } from 'node:crypto'
import type { MemberView } from '../../src/content/community.ts'
import type { DurabilityPolicy } from '../../src/content/content.ts'
import { CountingMembers, type MembersNow } from '../../src/content/counting-members.ts'
import { lossOdds } from '../../src/content/durability-odds.ts'
import type { Holdings } from '../../src/content/holdings.ts'
import { KnownCopies } from '../../src/content/known-copies.ts'
import { lossAgesMs, MeasuredRepairs } from '../../src/content/measured-repairs.ts'
import {
  groupsOf,
  type PlacementGroup,
  planCopies,
  strengthOf,
  targetOf,
} from '../../src/content/plan-copies.ts'
import { Turnover } from '../../src/content/turnover.ts'
import type { Clock } from '../../src/core/clock.ts'
import { type ContentId, contentIdOf } from '../../src/core/content-id.ts'
import type { SeededRandom } from '../../src/core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../../src/core/signing-key.ts'
import type { IndexDatabase } from '../../src/storage/index-database.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const STEP_MS = 10 * MINUTE_MS
export const MONTH_MS = 30 * DAY_MS
/** Somebody who left silently is shown as away for so long; the departure is known by then. */
const FORGOTTEN_AFTER_MS = 8 * DAY_MS
const FREE_BYTES = 2 ** 40
/** Enough for repairs to be measured, while nothing is counted yet. */
const SETTLING_OBJECTS = 10

/** What kind of space. Harsh, so that there are losses to count. */
export interface WorldRates {
  members: number
  policy: DurabilityPolicy
  objects: number
  /** Mean time for which somebody stays a member. */
  stayDays: number
  graceMs: number
  /** Sending a copy, or rebuilding a shard. */
  copyMs: number
  /** Mean time between absences, and the longest absence; the shorter ones are as likely as the longer. */
  upMs: number
  awayMsMax: number
}

/** Odds as they were shown, and what came. */
export interface Calibration {
  objectMonths: number
  predicted: number
  observed: number
}

interface SimulatedMember {
  view: MemberView
  leavesAt: number
  flipsAt: number
  /** Its bytes are gone. */
  hasLeft: boolean
  /** Whether its copies count, when last looked. */
  standing: string
  objects: Set<SimulatedObject>
}

interface SimulatedObject {
  group: PlacementGroup
  /** What everybody knows; those who left are in it until they count no more. */
  holders: Map<ContentId, Set<PeerId>>
  isLost: boolean
  /** When the copies that are on their way are there. */
  arriving:
    | { at: number; copies: { id: ContentId; peer: PeerId }[]; isUrgent: boolean; lostAt: number[] }
    | undefined
}

export class DurabilityWorld {
  readonly #rates: WorldRates
  readonly #random: SeededRandom
  readonly #members = new Map<PeerId, SimulatedMember>()
  readonly #objects: SimulatedObject[] = []
  readonly #dirty = new Set<SimulatedObject>()
  readonly #counting: CountingMembers
  readonly #turnover = new Turnover({ index: forgetfulIndex })
  readonly #measured: MeasuredRepairs
  #nowMs = 0
  #count = 0

  constructor(rates: WorldRates, random: SeededRandom) {
    this.#rates = rates
    this.#random = random
    const clock = { now: () => this.#nowMs, monotonic: () => this.#nowMs } as Clock
    const self = 'nobody' as unknown as PeerId
    const views = () => [...this.#members.values()].map(({ view }) => view)
    this.#counting = new CountingMembers(
      {
        community: {
          self,
          members: views,
          isMember: () => true,
          publicReading: false,
          onChange: () => () => {},
        },
        clock,
        isSuspended: () => false,
      },
      {
        graceMs: rates.graceMs,
        selfView: () => ({ freeBytes: 0, uptime: 1, failureDomain: 'nowhere', stores: false }),
      },
    )
    this.#measured = new MeasuredRepairs(rates.graceMs + rates.copyMs)
    for (let each = 0; each < rates.members; each++) this.#addMember()
    for (let each = 0; each < SETTLING_OBJECTS; each++) this.#objects.push(this.#newObject())
  }

  /** Lets months pass; the first ones are for the measurements to settle and count for nothing. */
  play(months: { settling: number; counted: number }): Calibration {
    const result: Calibration = { objectMonths: 0, predicted: 0, observed: 0 }
    for (let month = 0; month < months.settling + months.counted; month++) {
      const isCounted = month >= months.settling
      while (isCounted && this.#objects.length < this.#rates.objects) this.#objects.push(this.#newObject())
      for (const [place, object] of this.#objects.entries()) {
        if (object.isLost) this.#objects[place] = this.#newObject()
      }
      const members = this.#counting.now()
      const shown = new Map<number, number>()
      const { leavesPerDay } = this.#turnover
      for (const object of this.#objects) {
        const { confirmed } = strengthOf(object.group, heldBy(object, members.counting))
        const odds = shown.get(confirmed) ?? this.#oddsOf(confirmed, leavesPerDay)
        shown.set(confirmed, odds)
        if (isCounted) result.predicted += odds
      }
      const endAt = this.#nowMs + MONTH_MS
      while (this.#nowMs < endAt) this.#step()
      if (!isCounted) continue
      result.objectMonths += this.#objects.length
      result.observed += this.#objects.filter(({ isLost }) => isLost).length
    }
    return result
  }

  #oddsOf(alive: number, leavesPerDay: number): number {
    const { policy } = this.#rates
    const needed = policy.kind === 'replica' ? 1 : policy.k
    const repairMs = this.#measured.meanMs
    return lossOdds({ total: targetOf(policy), needed, alive, leavesPerDay, repairMs, horizonMs: MONTH_MS })
  }

  #step(): void {
    this.#nowMs += STEP_MS
    for (const member of [...this.#members.values()]) this.#move(member)
    const views = [...this.#members.values()].map(({ view }) => view)
    this.#counting.observe()
    this.#turnover.observe(views, this.#nowMs, STEP_MS)
    const members = this.#counting.now()
    for (const [peer, member] of this.#members) {
      const standing = `${members.counting.has(peer)} ${members.awaited.has(peer)}`
      if (standing === member.standing) continue
      member.standing = standing
      for (const object of member.objects) this.#dirty.add(object)
    }
    for (const object of [...this.#dirty]) this.#lookAt(object, members)
  }

  #move(member: SimulatedMember): void {
    const { view } = member
    if (view.online) view.lastSeenAt = this.#nowMs
    if (!member.hasLeft && this.#nowMs >= member.leavesAt) {
      member.hasLeft = true
      view.online = false
      for (const object of member.objects) this.#noteLoss(object)
      this.#addMember()
    } else if (!member.hasLeft && this.#nowMs >= member.flipsAt) {
      view.online = !view.online
      if (view.online) view.lastSeenAt = this.#nowMs
      member.flipsAt = this.#nowMs + (view.online ? this.#exponential(this.#rates.upMs) : this.#absence())
    }
    const awayMs = this.#nowMs - view.lastSeenAt
    if (!member.hasLeft || awayMs < FORGOTTEN_AFTER_MS) return
    for (const object of member.objects) {
      for (const peers of object.holders.values()) peers.delete(view.peer)
    }
    this.#members.delete(view.peer)
  }

  #lookAt(object: SimulatedObject, members: MembersNow): void {
    this.#dirty.delete(object)
    if (object.isLost) return
    if (object.arriving !== undefined && this.#nowMs < object.arriving.at) {
      this.#dirty.add(object)
      return
    }
    this.#land(object)
    const { group } = object
    const copies = planCopies(group, forRepair(object, members), members.candidates(1))
    if (copies.length === 0) return
    this.#dirty.add(object)
    if (strengthOf(group, heldBy(object, members.online)).margin < 0) return
    const isUrgent = strengthOf(group, heldBy(object, members.counting)).margin < 1
    const keepersOf = (id: ContentId) => [...(object.holders.get(id) ?? [])]
    const agesMs = lossAgesMs(
      copies.map(({ id }) => id),
      keepersOf,
      members,
      isUrgent,
    )
    const lostAt = agesMs.map((ageMs) => this.#nowMs - ageMs)
    object.arriving = { at: this.#nowMs + this.#rates.copyMs, copies, isUrgent, lostAt }
  }

  /** Copies that were on their way are there. */
  #land(object: SimulatedObject): void {
    const { arriving } = object
    if (arriving === undefined) return
    object.arriving = undefined
    for (const { id, peer } of arriving.copies) {
      const member = this.#members.get(peer)
      if (member === undefined || member.hasLeft) continue
      object.holders.get(id)?.add(peer)
      member.objects.add(object)
    }
    const kind = arriving.isUrgent ? 'urgent' : 'calm'
    for (const lostAt of arriving.lostAt) this.#measured.note(kind, this.#nowMs - lostAt)
  }

  #noteLoss(object: SimulatedObject): void {
    this.#dirty.add(object)
    const left = new Set(
      [...this.#members.values()].filter(({ hasLeft }) => !hasLeft).map(({ view }) => view.peer),
    )
    if (strengthOf(object.group, heldBy(object, left)).margin < 0) object.isLost = true
  }

  #newObject(): SimulatedObject {
    const { policy } = this.#rates
    const idOf = (part: number) => contentIdOf(Buffer.from(`${this.#count} ${part}`))
    this.#count++
    const shards = Array.from({ length: policy.kind === 'rs' ? policy.k + policy.m : 1 }, (_, part) =>
      idOf(part),
    )
    const shape = {
      root: idOf(-1),
      pageIds: [],
      dataIds: policy.kind === 'rs' ? shards.slice(0, policy.k) : shards,
      stripes: policy.kind === 'rs' ? [shards] : [],
    }
    // Whoever keeps a part keeps the manifest, so that it is never what is lost first.
    const group = groupsOf(shape, policy).find(({ kind }) => kind !== 'manifest') as PlacementGroup
    const holders = new Map(group.ids.map((id) => [id, new Set<PeerId>()]))
    const object: SimulatedObject = { group, holders, isLost: false, arriving: undefined }
    for (const { id, peer } of planCopies(group, () => [], this.#counting.now().candidates(1))) {
      holders.get(id)?.add(peer)
      this.#members.get(peer)?.objects.add(object)
    }
    return object
  }

  #addMember(): void {
    const { upMs, awayMsMax, stayDays } = this.#rates
    const { peerId } = signingKeyFromSeed(hash('sha256', `member ${this.#random.integer(2 ** 31)}`, 'buffer'))
    const view: MemberView = {
      peer: peerId,
      online: true,
      lastSeenAt: this.#nowMs,
      stores: true,
      freeBytes: FREE_BYTES,
      uptime: upMs / (upMs + awayMsMax / 2),
      failureDomain: peerId,
      latencyMs: undefined,
      holdings: undefined,
    }
    this.#members.set(peerId, {
      view,
      leavesAt: this.#nowMs + this.#exponential(stayDays * DAY_MS),
      flipsAt: this.#nowMs + this.#exponential(upMs),
      hasLeft: false,
      standing: '',
      objects: new Set(),
    })
  }

  #absence(): number {
    return this.#random.fraction() * this.#rates.awayMsMax
  }

  #exponential(meanMs: number): number {
    return -Math.log(1 - this.#random.fraction()) * meanMs
  }
}

function heldBy(object: SimulatedObject, peers: ReadonlySet<PeerId>): (id: ContentId) => PeerId[] {
  return (id) => [...(object.holders.get(id) ?? [])].filter((peer) => peers.has(peer))
}

function forRepair(object: SimulatedObject, members: MembersNow): (id: ContentId) => PeerId[] {
  const holdings = {
    keepersOf: (id: ContentId) => [...(object.holders.get(id) ?? [])],
  } as unknown as Holdings
  return new KnownCopies({ holdings, audits: { counts: () => true } }).forRepair(object.group, members)
}

/** The measurements of a world live as long as it does. */
const forgetfulIndex = {
  migrate: () => {},
  get: () => undefined,
  all: () => [],
  run: () => ({ changes: 0 }),
  transaction: <T>(work: () => T) => work(),
} as unknown as IndexDatabase
