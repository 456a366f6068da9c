import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Community, MemberView } from './community.ts'
import type { ObjectDurability } from './content.ts'
import { askHave } from './dds-client.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObject, KeptObjects } from './kept-objects.ts'
import type { ObjectManifest } from './object-manifest.ts'
import { type PlacementCandidate, placementWeight, rankCandidates } from './place-chunks.ts'
import { type CopyWanted, groupsOf, type PlacementGroup, planCopies, strengthOf } from './plan-copies.ts'
import { type PushParts, pushCopies } from './push-copies.ts'

/** Plans of one call: a peer that refuses or breaks off is left out of the next. */
const ROUNDS_MAX = 4
/** Peers that chunks are sent to at once. */
const PEERS_AT_ONCE_MAX = 8
/** Objects under repair at once, and waiting: the rest is found again by the next look. */
const REPAIRS_AT_ONCE_MAX = 2
const REPAIRS_WAITING_MAX = 1000
/** After a change, so that many changes at once make one look. */
const LOOK_SOON_MS = 1_000
/** Other holders asked, before a repair, whether somebody who is away keeps what seems missing. */
const PEERS_ASKED_MAX = 3
const ASK_TIMEOUT_MS = 5_000
/** A peer that refused chunks is not planned with again for this long. */
const REFUSED_MS = 10 * 60_000

/** What a replicator needs. */
export interface ReplicatorParts extends PushParts {
  community: Community
  holdings: Holdings
  kept: KeptObjects
  clock: Clock
  log: Logger
  metrics: Metrics
  /** The manifest of an object kept here, from disk or, when its pages are missing, from peers. */
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
  /** Fetches (or rebuilds from parity) chunks and keeps them here for the space. */
  fetchForSpace: (
    facts: ObjectFacts,
    ids: readonly ContentId[],
    hints: readonly PeerId[],
    signal: AbortSignal,
  ) => AsyncIterable<ContentId>
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
  /** What we offer ourselves, as others see us in our status. */
  selfView: () => { freeBytes: number; uptime: number; failureDomain: string; stores: boolean }
  /** Waits for a share of the bandwidth that repair may take. */
  budget?: (sizeBytes: number, signal: AbortSignal | undefined) => Promise<void>
}

/** How far one call goes. */
export interface EnsureOptions {
  signal?: AbortSignal
  /** Called as copies are confirmed. */
  onKept?: (id: ContentId, peer: PeerId) => void
  /** Only these groups. @default all */
  groups?: readonly PlacementGroup[]
}

/**
 * Keeps every object that has a part here at its number of copies: plans what is missing, sends it or has it
 * fetched, and does so also when the publisher is gone. For each group of chunks the highest-ranked online
 * holder acts; the others stand by and step in one after the other when nothing happens.
 */
export class Replicator {
  readonly #parts: ReplicatorParts
  readonly #options: ReplicatorOptions
  readonly #stopping = new AbortController()
  /** Since when a group lacks copies, on the monotonic scale. */
  readonly #lackingSince = new Map<string, number>()
  readonly #refusedUntil = new Map<PeerId, number>()
  readonly #busy = new Set<ContentId>()
  #waiting: KeptObject[] = []
  #running = 0
  #timer: Timer | undefined
  #dueAt = Infinity
  #lookedAt = ''
  #stops: (() => void)[] = []

  constructor(parts: ReplicatorParts, options: ReplicatorOptions) {
    this.#parts = parts
    this.#options = options
  }

  start(): void {
    const { community, holdings } = this.#parts
    this.#stops = [
      community.onChange(() => this.#lookIn(LOOK_SOON_MS)),
      holdings.onChange(() => this.#lookIn(LOOK_SOON_MS)),
    ]
    this.#lookIn(this.#options.intervalMs)
  }

  stop(): void {
    this.#timer?.stop()
    this.#stopping.abort()
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** Objects waiting for or under repair. */
  get queued(): number {
    return this.#waiting.length + this.#running
  }

  /** Looks soon whether an object lacks copies. */
  lookSoon(): void {
    this.#lookedAt = ''
    this.#lookIn(LOOK_SOON_MS)
  }

  /**
   * Creates copies until the object has what its policy asks for, or nobody is left to take more. Without a
   * lack there is no traffic at all.
   */
  async ensure(facts: ObjectFacts, manifest: ObjectManifest, options: EnsureOptions = {}): Promise<void> {
    const groups = options.groups ?? groupsOf(manifest.shape, facts.policy)
    const left = new Set<PeerId>()
    this.#busy.add(facts.root)
    try {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        options.signal?.throwIfAborted()
        const candidates = this.#candidates().filter(({ peer }) => !left.has(peer))
        const wanted = groups.flatMap((group) => planCopies(group, (id) => this.holdersOf(id), candidates))
        if (wanted.length === 0) return
        for (const peer of await this.#place(facts, manifest, wanted, options)) left.add(peer)
      }
    } finally {
      this.#busy.delete(facts.root)
    }
  }

  /** What is known now about how safe an object is. */
  durability(facts: ObjectFacts, manifest: ObjectManifest): Omit<ObjectDurability, 'keptHere'> {
    const groups = groupsOf(manifest.shape, facts.policy)
    const holders = new Set<PeerId>()
    let confirmed = Infinity
    let margin = Infinity
    for (const group of groups) {
      const strength = strengthOf(group, (id) => this.holdersOf(id))
      margin = Math.min(margin, strength.margin)
      // The manifest's own copies count for the margin; what was asked for are those of the content.
      if (group.kind !== 'manifest' || groups.length === 1)
        confirmed = Math.min(confirmed, strength.confirmed)
      for (const id of group.ids) for (const peer of this.holdersOf(id)) holders.add(peer)
    }
    const { root: id, sizeBytes, policy } = facts
    return { id, sizeBytes, policy, confirmed, margin, holders: [...holders] }
  }

  /** Peers whose copy of a chunk counts: us, and members that are here or were until a short while ago. */
  holdersOf(id: ContentId): PeerId[] {
    const counting = this.#counting()
    return this.#parts.holdings.keepersOf(id).filter((peer) => counting.has(peer))
  }

  #counting(): Set<PeerId> {
    const { community, clock } = this.#parts
    const peers = new Set<PeerId>([community.self])
    for (const member of community.members()) {
      if (member.online || clock.now() - member.lastSeenAt <= this.#options.graceMs) peers.add(member.peer)
    }
    return peers
  }

  /** Members that take chunks now, us among them. */
  #candidates(): PlacementCandidate[] {
    const { community, clock } = this.#parts
    const now = clock.monotonic()
    const willing = ({ peer, online, stores, freeBytes }: MemberView) =>
      online && stores && freeBytes > 0 && (this.#refusedUntil.get(peer) ?? 0) <= now
    const members = community.members().filter(willing)
    const candidates = members.map((member) => ({
      peer: member.peer,
      weight: placementWeight(member),
      failureDomain: member.failureDomain,
    }))
    const self = this.#options.selfView()
    if (self.stores && self.freeBytes > 0) {
      candidates.push({
        peer: community.self,
        weight: placementWeight(self),
        failureDomain: self.failureDomain,
      })
    }
    return candidates
  }

  /** Carries a plan out, several peers at once; returns those that did not take all they were meant to. */
  async #place(
    facts: ObjectFacts,
    manifest: ObjectManifest,
    wanted: readonly CopyWanted[],
    options: EnsureOptions,
  ): Promise<PeerId[]> {
    const byPeer = Map.groupBy(wanted, ({ peer }) => peer)
    const waiting = [...byPeer.entries()]
    const failed: PeerId[] = []
    const manifestIds = [manifest.shape.root, ...manifest.shape.pageIds]
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [peer, copies] = next
        const ids = copies.map(({ id }) => id)
        const done =
          peer === this.#parts.community.self
            ? await this.#takeOurselves(facts, [...manifestIds, ...ids], options)
            : await this.#push(
                { peer, facts, manifestIds, ids, chunkBytesMax: manifest.chunkBytesMax },
                options,
              )
        if (!done) failed.push(peer)
      }
    }
    await Promise.all(Array.from({ length: PEERS_AT_ONCE_MAX }, worker))
    return failed
  }

  async #push(input: Parameters<typeof pushCopies>[1], options: EnsureOptions): Promise<boolean> {
    const { budget } = this.#options
    const result = await pushCopies(this.#parts, input, {
      ...options,
      ...(budget === undefined ? {} : { budget }),
    })
    if (result.refused) {
      this.#refusedUntil.set(input.peer, this.#parts.clock.monotonic() + REFUSED_MS)
    }
    return input.ids.every((id) => this.#parts.holdings.keeps(input.peer, id))
  }

  async #takeOurselves(
    facts: ObjectFacts,
    ids: readonly ContentId[],
    options: EnsureOptions,
  ): Promise<boolean> {
    const missing = [...new Set(ids)].filter((id) => !this.#parts.kept.isKept(id))
    const signal = AbortSignal.any([this.#stopping.signal, ...(options.signal ? [options.signal] : [])])
    let count = 0
    try {
      for await (const id of this.#parts.fetchForSpace(facts, missing, [], signal)) {
        options.onKept?.(id, this.#parts.community.self)
        count++
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      this.#parts.log.debug('copies not taken over', { root: facts.root, error })
    }
    return count === missing.length
  }

  #lookIn(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    const dueAt = this.#parts.clock.monotonic() + delayMs
    if (dueAt >= this.#dueAt) return
    this.#timer?.stop()
    this.#dueAt = dueAt
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#dueAt = Infinity
      this.#look().catch((error) => this.#parts.log.warn('look at copies failed', { error }))
    })
  }

  /** Looks at every object; quiet when nothing changed since the last look and nothing was lacking then. */
  async #look(): Promise<void> {
    const { kept, holdings, clock } = this.#parts
    kept.followExpiry()
    // Who counts and who can take more: somebody back within the grace changes only the latter.
    const takers = this.#candidates().map(({ peer }) => peer)
    const seen = [holdings.version, ...[...this.#counting()].sort(), 'takers', ...takers.sort()].join()
    const quiet = seen === this.#lookedAt && this.#lackingSince.size === 0
    this.#lookedAt = seen
    this.#lookIn(this.#options.intervalMs)
    if (quiet) return
    const lacking = new Set<string>()
    for (const object of kept.list()) {
      if (this.#stopping.signal.aborted) return
      if (this.#busy.has(object.root)) continue
      const manifest = await this.#manifestOf(object)
      if (manifest === undefined) continue
      for (const group of this.#lackingGroups(object, manifest)) lacking.add(nameOf(group))
      if (this.#actingGroups(object, manifest).length > 0) this.#queue(object)
    }
    for (const name of this.#lackingSince.keys()) if (!lacking.has(name)) this.#lackingSince.delete(name)
    if (lacking.size > 0) {
      const soonest = Math.min(
        ...[...this.#lackingSince.values()].map((since) => since + this.#options.settleMs),
      )
      this.#lookIn(Math.max(soonest - clock.monotonic(), LOOK_SOON_MS))
    }
  }

  async #manifestOf(object: KeptObject): Promise<ObjectManifest | undefined> {
    try {
      return await this.#parts.loadManifest(object.root, this.#stopping.signal)
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        this.#parts.log.debug('manifest of a kept object not readable', { root: object.root, error })
      }
      return undefined
    }
  }

  #lackingGroups(object: KeptObject, manifest: ObjectManifest): PlacementGroup[] {
    const now = this.#parts.clock.monotonic()
    const candidates = this.#candidates()
    return groupsOf(manifest.shape, object.policy).filter((group) => {
      const lacks = planCopies(group, (id) => this.holdersOf(id), candidates).length > 0
      if (lacks && !this.#lackingSince.has(nameOf(group))) this.#lackingSince.set(nameOf(group), now)
      return lacks
    })
  }

  /** Groups that lack copies for long enough and whose turn to act is ours. */
  #actingGroups(object: KeptObject, manifest: ObjectManifest): PlacementGroup[] {
    const now = this.#parts.clock.monotonic()
    return this.#lackingGroups(object, manifest).filter((group) => {
      const since = this.#lackingSince.get(nameOf(group)) ?? now
      const place = this.#placeInRank(group, object.root)
      return place >= 0 && now - since >= this.#options.settleMs + place * this.#options.standbyMs
    })
  }

  /** How many online holders are before us in the group's rank; −1 when we hold nothing of it. */
  #placeInRank(group: PlacementGroup, root: ContentId): number {
    const { community, holdings } = this.#parts
    const online = new Set<PeerId>([community.self])
    for (const member of community.members()) if (member.online) online.add(member.peer)
    const holders = new Set([...group.ids, root].flatMap((id) => holdings.keepersOf(id)))
    const candidates = [...holders]
      .filter((peer) => online.has(peer))
      // Weights differ from view to view; the turn must be the same for everybody.
      .map((peer) => ({ peer, weight: 1, failureDomain: peer }))
    return rankCandidates(group.key, candidates).findIndex(({ peer }) => peer === community.self)
  }

  #queue(object: KeptObject): void {
    if (this.#waiting.length >= REPAIRS_WAITING_MAX) return
    if (this.#waiting.some(({ root }) => root === object.root)) return
    this.#waiting.push(object)
    while (this.#running < REPAIRS_AT_ONCE_MAX && this.#waiting.length > 0) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#running++
      this.#repair(next)
        .catch((error) => this.#parts.log.warn('repair failed', { root: next.root, error }))
        .finally(() => {
          this.#running--
          const waiting = this.#waiting.shift()
          if (waiting !== undefined) this.#queue(waiting)
        })
    }
  }

  /**
   * A member that is away for a short while may keep what seems missing without our ever having heard it: other
   * holders are asked. Their word only lets us wait; it ends with the grace, and the member itself corrects it.
   */
  async #hearOfAbsent(groups: readonly PlacementGroup[]): Promise<void> {
    const { community, holdings, clock, network } = this.#parts
    const absent = new Set(
      community
        .members()
        .filter(({ online, lastSeenAt }) => !online && clock.now() - lastSeenAt <= this.#options.graceMs)
        .map(({ peer }) => peer),
    )
    if (absent.size === 0) return
    const candidates = this.#candidates()
    const options = { signal: this.#stopping.signal, timeoutMs: ASK_TIMEOUT_MS }
    for (const group of groups) {
      const lacking = planCopies(group, (id) => this.holdersOf(id), candidates).map(({ id }) => id)
      // Chunks of a group of copies lie together; the shards of a stripe each lie alone.
      const asked = group.kind === 'stripe' ? [...new Set(lacking)] : lacking.slice(0, 1)
      const others = new Set(group.ids.flatMap((id) => this.holdersOf(id)))
      others.delete(community.self)
      const reachable = [...others].filter((peer) => !absent.has(peer)).slice(0, PEERS_ASKED_MAX)
      for (const id of asked) {
        for (const peer of reachable) {
          const answer = await askHave(network, peer, { ids: [id] }, options).catch(() => undefined)
          for (const holder of answer?.knownHolders ?? []) {
            if (absent.has(holder)) holdings.noteKept(holder, group.kind === 'stripe' ? [id] : group.ids)
          }
        }
      }
    }
  }

  async #repair(object: KeptObject): Promise<void> {
    const { holdings, log, metrics } = this.#parts
    const signal = this.#stopping.signal
    // What looks lost may only be news that has not reached us.
    await holdings.syncAll({ signal })
    const manifest = await this.#manifestOf(object)
    if (manifest === undefined) return
    await this.#hearOfAbsent(this.#actingGroups(object, manifest))
    const groups = this.#actingGroups(object, manifest)
    if (groups.length === 0) return
    let copies = 0
    await this.ensure(object, manifest, {
      groups,
      signal,
      onKept: () => {
        copies++
      },
    })
    metrics.count('kizuna_repairs_total')
    log.info('copies repaired', { root: object.root, groups: groups.length, copies })
  }
}

function nameOf(group: PlacementGroup): string {
  return `${group.kind}${Buffer.from(group.key).toString('base64')}`
}
