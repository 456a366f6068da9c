import type { Community, MemberView } from '../content/community.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { Membership } from '../records/membership.ts'
import type { SignedRecord } from '../records/record.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { readStatus, STATUS_KIND, type StatusRecord } from '../records/status-record.ts'
import type { UptimeLedger } from './uptime-ledger.ts'

/** A member that is not connected counts as online for this many status intervals after its last word. */
const FRESH_INTERVALS = 2.5

/** Views are made anew at every change, and after so long without one: many objects are looked at in a row. */
const VIEWS_MS_MAX = 250

/** What the community is made of. */
export interface SpaceCommunityParts {
  network: Network
  membership: Membership
  records: RecordSets
  uptime: UptimeLedger
  clock: Clock
  log: Logger
}

/** The members of our space as placement, repair and people see them: certificates, status records, connections. */
export class SpaceCommunity implements Community {
  readonly self: PeerId
  readonly #parts: SpaceCommunityParts
  readonly #options: { intervalMs: number }
  /** What each member last said, and when it reached us on our own clock: theirs may be wrong. */
  readonly #statuses = new Map<PeerId, { status: StatusRecord; heardAt: number; recordId: string }>()
  readonly #listeners = new Set<() => void>()
  readonly #stops: (() => void)[] = []
  #timer: Timer | undefined
  #observedAt = 0
  #onlineBefore = ''
  #views: { members: MemberView[]; madeAt: number } | undefined

  constructor(parts: SpaceCommunityParts, options: { intervalMs: number }) {
    this.#parts = parts
    this.#options = options
    this.self = parts.network.peerId
  }

  /** Listens from now on. */
  start(): void {
    const { network, membership, records, clock } = this.#parts
    this.#stops.push(
      records.onRecord(STATUS_KIND, (record) => this.#hear(record)),
      membership.onChange(() => this.#tell()),
      network.onPeer(({ peer }) => {
        this.#parts.uptime.seen(peer, clock.now())
        this.#tell()
      }),
    )
    for (const record of records.list(STATUS_KIND)) this.#hear(record)
    this.#observedAt = clock.monotonic()
    this.#watch()
  }

  stop(): void {
    this.#timer?.stop()
    for (const stop of this.#stops.splice(0)) stop()
    this.#parts.uptime.save()
  }

  get publicReading(): boolean {
    return this.#parts.membership.space().admission === 'open'
  }

  isMember(peer: PeerId): boolean {
    return this.#parts.membership.isMember(peer)
  }

  members(): MemberView[] {
    const now = this.#parts.clock.monotonic()
    if (this.#views === undefined || now - this.#views.madeAt > VIEWS_MS_MAX)
      this.#views = { members: this.#viewsNow(), madeAt: now }
    return this.#views.members
  }

  #viewsNow(): MemberView[] {
    const connected = new Map(this.#parts.network.connectedPeers().map((each) => [each.peer, each]))
    return this.#parts.membership
      .members()
      .filter((member) => member.peer !== this.self)
      .map(({ peer }) => {
        const heard = this.#statuses.get(peer)
        const connection = connected.get(peer)
        return {
          peer,
          online: connection !== undefined || this.#isFresh(heard?.heardAt),
          lastSeenAt:
            connection === undefined ? this.#parts.uptime.lastSeenAt(peer) : this.#parts.clock.now(),
          stores: heard?.status.stores ?? false,
          freeBytes: heard?.status.freeBytes ?? 0,
          uptime: this.#parts.uptime.uptime(peer),
          failureDomain: heard?.status.failureDomain ?? peer,
          latencyMs: connection?.latencyMs,
          holdings: heard?.status.holdings,
          leaving: heard?.status.leaving ?? false,
        }
      })
  }

  /** What a member said about itself last. */
  statusOf(peer: PeerId): StatusRecord | undefined {
    return this.#statuses.get(peer)?.status
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #hear(record: SignedRecord): void {
    const { clock, network, uptime, log } = this.#parts
    if (record.author === this.self || this.#statuses.get(record.author)?.recordId === record.id) return
    let status: StatusRecord
    try {
      status = readStatus(record)
    } catch {
      return
    }
    // A record that others passed on may be old; one that claims the future is taken as of now.
    const ageMs = Math.max(clock.now() - record.createdAt, 0)
    this.#statuses.set(record.author, { status, heardAt: clock.monotonic() - ageMs, recordId: record.id })
    uptime.seen(record.author, clock.now() - ageMs)
    if (status.addresses.length > 0) {
      network
        .remember({ peer: record.author, addresses: status.addresses })
        .catch((error) => log.debug('addresses not remembered', { code: toKizunaError(error).code }))
    }
    this.#tell()
  }

  #isFresh(heardAt: number | undefined): boolean {
    if (heardAt === undefined) return false
    return this.#parts.clock.monotonic() - heardAt < this.#options.intervalMs * FRESH_INTERVALS
  }

  /** Measures uptime, and notices who fell silent: silence makes no event of its own. */
  #watch(): void {
    const { clock, uptime } = this.#parts
    this.#timer = clock.after(this.#options.intervalMs, () => {
      const members = this.members()
      const now = clock.monotonic()
      uptime.observe(members, now - this.#observedAt)
      this.#observedAt = now
      const online = members
        .filter((member) => member.online)
        .map((member) => member.peer)
        .sort()
        .join()
      if (online !== this.#onlineBefore) this.#tell()
      this.#onlineBefore = online
      const known = new Set(members.map((member) => member.peer))
      for (const peer of [...this.#statuses.keys()]) if (!known.has(peer)) this.#statuses.delete(peer)
      this.#watch()
    })
  }

  #tell(): void {
    this.#views = undefined
    for (const listener of [...this.#listeners]) listener()
  }
}
