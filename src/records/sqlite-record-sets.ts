import type { Clock, Timer } from '../core/clock.ts'
import type { CborValue } from '../core/encoding.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { InvalidRecordError, UnknownAuthorError } from './errors.ts'
import type { SignedRecord, SpaceId } from './record.ts'
import { dateNow, signRecord } from './record-codec.ts'
import { RecordIntake } from './record-intake.ts'
import type {
  MembershipTest,
  PutOptions,
  RecordKind,
  RecordListener,
  RecordSets,
  SpreadSeal,
  SyncResult,
} from './record-sets.ts'
import { RecordShelf } from './record-shelf.ts'
import { RecordSpread } from './record-spread.ts'
import { RecordSync } from './record-sync.ts'
import type { RecordEntry, RecordQuery } from './record-table.ts'
import { RECORDS_PROTOCOL } from './records-protocol.ts'
import { dropRecordsOf, migrateRecordTable } from './sqlite-record-table.ts'
import { SyncSchedule } from './sync-schedule.ts'

/** How long to wait before looking for expired records again, at most: the wall clock may jump. */
const EXPIRY_CHECK_MS_MAX = 60_000
const LISTENERS_MAX = 100

/** What the sets are made of. */
export interface RecordSetsParts {
  key: SigningKey
  index: IndexDatabase
  network: Network
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  /** Until `judgeMembersBy` says otherwise. @default only ourselves */
  isMember?: MembershipTest
}

/** Where the sets begin and how often they synchronise. */
export interface RecordSetsOptions {
  /** Undefined when membership says it later with `enterSpace`. */
  space?: SpaceId
  /** How often to reconcile with a random connected member. @default 30_000 */
  syncIntervalMs?: number
  /** Whether new records are also spread at once; everything works without. */
  gossip: boolean
}

/** The replicated sets of a node, in the index database. */
export function createRecordSets(parts: RecordSetsParts, options: RecordSetsOptions): RecordSets {
  return new SqliteRecordSets(parts, options)
}

class SqliteRecordSets implements RecordSets {
  readonly #parts: RecordSetsParts
  readonly #options: RecordSetsOptions
  readonly #kinds = new Map<string, RecordKind>()
  readonly #listeners = new Map<string, Set<RecordListener>>()
  readonly #intake: RecordIntake
  readonly #sync: RecordSync
  readonly #spread: RecordSpread
  readonly #schedule: SyncSchedule
  #isMember: MembershipTest
  #seal: SpreadSeal = { seal: ({ bytes }) => bytes, open: (message) => message }
  #shelf: RecordShelf | undefined
  #isStarted = false
  #stopHandling: (() => void) | undefined
  #expiryTimer: Timer | undefined
  #expiryAt = Number.POSITIVE_INFINITY

  constructor(parts: RecordSetsParts, options: RecordSetsOptions) {
    this.#parts = parts
    this.#options = options
    this.#isMember = parts.isMember ?? ((peer) => peer === parts.key.peerId)
    const { network, clock, index, log } = parts
    const isMember: MembershipTest = (peer, at) => this.#isMember(peer, at)
    const shelf = () => this.#openShelf()
    const onNew = (record: SignedRecord) => this.#announce(record, 'peer')
    this.#intake = new RecordIntake({ clock, index, kinds: this.#kinds, shelf, isMember, onNew })
    this.#sync = new RecordSync({ network, intake: this.#intake, shelf, isMember })
    this.#spread = new RecordSpread({
      network,
      sync: this.#sync,
      intake: this.#intake,
      isMember,
      seal: () => this.#seal,
      clock,
      log,
    })
    this.#schedule = new SyncSchedule(
      { ...parts, isMember, sync: this.#sync },
      { intervalMs: options.syncIntervalMs ?? 30_000 },
    )
    migrateRecordTable(index)
    parts.metrics.gauge(
      'kizuna_records',
      'records kept of the current space',
      () => this.#shelf?.set.size ?? 0,
    )
    if (options.space !== undefined) this.enterSpace(options.space)
  }

  get space(): SpaceId | undefined {
    return this.#shelf?.space
  }

  enterSpace(space: SpaceId): void {
    if (this.#shelf?.space === space) return
    this.#shelf = new RecordShelf(this.#parts.index, space, this.#kinds)
    this.#intake.clear()
    if (!this.#isStarted) return
    if (this.#options.gossip) this.#spread.enterSpace(space)
    this.#expire()
    this.#schedule.syncSoon()
  }

  forgetSpace(space: SpaceId): void {
    if (space !== this.space) dropRecordsOf(this.#parts.index, space)
  }

  judgeMembersBy(isMember: MembershipTest): void {
    this.#isMember = isMember
  }

  sealSpreadBy(seal: SpreadSeal): void {
    this.#seal = seal
  }

  reconsider({ membersLost }: { membersLost: boolean }): void {
    const shelf = this.#openShelf()
    if (membersLost) {
      const forbidden = [...shelf.entries()].filter(
        ({ author, createdAt }) => !this.#isMember(author, createdAt),
      )
      this.#remove(shelf, forbidden)
    }
    this.#intake.forgetUnwanted()
    this.#intake.retryWaiting()
    this.#schedule.onMembersChanged()
  }

  defineKind(kind: RecordKind): void {
    this.#kinds.set(kind.name, kind)
  }

  async start(): Promise<void> {
    if (this.#isStarted) return
    const { space } = this.#openShelf()
    this.#isStarted = true
    this.#expire()
    this.#stopHandling = this.#parts.network.handle(RECORDS_PROTOCOL, (request, context) =>
      this.#sync.answer(request, context),
    )
    if (this.#options.gossip) this.#spread.enterSpace(space)
    this.#schedule.start()
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    this.#stopHandling?.()
    this.#spread.stop()
    this.#expiryTimer?.stop()
    this.#expiryTimer = undefined
    this.#expiryAt = Number.POSITIVE_INFINITY
    await this.#schedule.stop()
  }

  async put(kind: string, key: string, body: CborValue, options: PutOptions): Promise<SignedRecord> {
    const shelf = this.#openShelf()
    const rules = this.#kinds.get(kind)
    if (rules === undefined) throw new InvalidRecordError({ reason: 'its kind is unknown here', kind, key })
    const { clock, key: signingKey } = this.#parts
    const author = signingKey.peerId
    const before = shelf.winnerOf({ kind, key, author })
    if (before === undefined && shelf.countOf(kind, author) >= rules.perAuthorMax) this.#expire()
    if (before === undefined && shelf.countOf(kind, author) >= rules.perAuthorMax) {
      throw new InvalidRecordError({
        reason: `its author has ${rules.perAuthorMax} of its kind, the most there may be`,
        kind,
        key,
      })
    }
    // Later than what it replaces even when our clock is behind, and not gone before what it replaces.
    const createdAt = Math.max(dateNow(clock), (before?.createdAt ?? 0) + 1, (options.after ?? 0) + 1)
    const wishedAt = Math.max(createdAt + options.lifetimeMs, before?.expiresAt ?? 0)
    const expiresAt = Math.min(wishedAt, createdAt + rules.lifetimeMsMax)
    const record = signRecord(signingKey, { space: shelf.space, kind, key, createdAt, expiresAt, body })
    this.#intake.placeOwn(record)
    return record
  }

  async accept(bytes: Uint8Array): Promise<SignedRecord> {
    const [outcome] = this.#intake.take([bytes])
    if (outcome === undefined || outcome.state === 'refused') {
      throw new InvalidRecordError({ reason: outcome?.reason ?? 'it is empty' })
    }
    if (outcome.state === 'waiting') throw new UnknownAuthorError({ author: outcome.record.author })
    return outcome.record
  }

  newest(kind: string, key: string, author?: PeerId): SignedRecord | undefined {
    const record = this.#openShelf().newest(kind, key, author)
    return record !== undefined && record.expiresAt > this.#parts.clock.now() ? record : undefined
  }

  list(kind: string, options: Omit<RecordQuery, 'kind'> = {}): SignedRecord[] {
    return this.#openShelf().list({ kind, ...options }, this.#parts.clock.now())
  }

  count(kind: string): number {
    return this.#openShelf().count(kind, this.#parts.clock.now())
  }

  onRecord(kind: string, listener: RecordListener): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set()
    if (listeners.size >= LISTENERS_MAX) throw new RangeError(`more than ${LISTENERS_MAX} listen to ${kind}`)
    this.#listeners.set(kind, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  sync(options: { peers?: PeerId[]; signal?: AbortSignal } = {}): Promise<SyncResult> {
    return this.#schedule.syncNow(options)
  }

  #openShelf(): RecordShelf {
    if (this.#shelf === undefined) throw new RangeError('no space was entered yet')
    return this.#shelf
  }

  #announce(record: SignedRecord, source: 'own' | 'peer'): void {
    const { metrics, log, key } = this.#parts
    const origin = record.author === key.peerId ? 'own' : source
    metrics.count('kizuna_records_new_total', { origin })
    this.#expireAt(record.expiresAt)
    for (const listener of this.#listeners.get(record.kind) ?? []) {
      try {
        listener(record, origin)
      } catch (error) {
        log.error('record listener failed', { kind: record.kind, error: toKizunaError(error) })
      }
    }
    if (this.#options.gossip && origin === 'own') this.#spread.spread(record)
  }

  #remove(shelf: RecordShelf, entries: readonly RecordEntry[]): void {
    if (entries.length === 0) return
    this.#parts.index.transaction(() => {
      for (const entry of entries) shelf.remove(entry)
    })
  }

  /** Drops what has expired and sets the timer for what expires next. */
  #expire(): void {
    const shelf = this.#openShelf()
    const expired = shelf.expired(this.#parts.clock.now())
    this.#remove(shelf, expired)
    this.#expiryTimer?.stop()
    this.#expiryTimer = undefined
    this.#expiryAt = Number.POSITIVE_INFINITY
    if (this.#isStarted) this.#expireAt(shelf.nextExpiry() ?? Number.POSITIVE_INFINITY)
  }

  #expireAt(expiresAt: number): void {
    if (!this.#isStarted || expiresAt >= this.#expiryAt) return
    const delayMs = Math.min(expiresAt - this.#parts.clock.now(), EXPIRY_CHECK_MS_MAX)
    this.#expiryTimer?.stop()
    this.#expiryAt = expiresAt
    this.#expiryTimer = this.#parts.clock.after(delayMs, () => this.#expire())
  }
}
