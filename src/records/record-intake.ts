import type { Clock } from '../core/clock.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { InvalidRecordError } from './errors.ts'
import type { RecordId, SignedRecord } from './record.ts'
import { FUTURE_MS_MAX, isSigned, orderOfKey, type ReadRecord, readRecord } from './record-codec.ts'
import type { MembershipTest, RecordKind } from './record-sets.ts'
import { type Placement, RECORDS_MAX, type RecordShelf } from './record-shelf.ts'

/** Records whose author is not known as a member yet; the oldest are dropped, and are asked for again by the next sync. */
const WAITING_MAX = 2_048
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** Ids that were refused or replaced and are not asked for again for a while. */
const UNWANTED_MAX = 20_000
const UNWANTED_MS = 10 * 60 * 1000
/** A record of the future is asked for again after this: our own clock may have been corrected. */
const EARLY_MS = 30_000
/** Rounds in which waiting records may let in others (a chain of certificates that came in the wrong order). */
const ROUNDS_MAX = 300

/** What became of an offered record. */
export type IntakeOutcome =
  | { state: Placement; record: SignedRecord }
  | { state: 'waiting'; record: SignedRecord }
  | { state: 'refused'; reason: string }

/** What the door is made of. */
export interface IntakeParts {
  clock: Clock
  index: IndexDatabase
  kinds: ReadonlyMap<string, RecordKind>
  shelf: () => RecordShelf
  isMember: MembershipTest
  /** Called with each record that is new, after it is stored. */
  onNew: (record: SignedRecord) => void
}

/** The door: judges records from outside, cheapest check first, and keeps the good ones. */
export class RecordIntake {
  readonly #parts: IntakeParts
  readonly #waiting = new Map<RecordId, SignedRecord>()
  #waitingBytes = 0
  /** Id → monotonic time until which it is not wanted. */
  readonly #unwanted = new Map<RecordId, number>()

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  /** Forgets what waits and what is unwanted; for another space. */
  clear(): void {
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#unwanted.clear()
  }

  /** Whether a record that a peer has is worth asking for. */
  wants(key: Uint8Array): boolean {
    const { id } = orderOfKey(key)
    if (this.#waiting.has(id)) return false
    const until = this.#unwanted.get(id)
    return until === undefined || until <= this.#parts.clock.monotonic()
  }

  /**
   * Judges records and keeps the good ones, all in one transaction. Never throws for what a record says.
   */
  take(batch: readonly Uint8Array[]): IntakeOutcome[] {
    const outcomes = batch.map((bytes) => this.#judge(bytes))
    const fresh = outcomes.filter((outcome) => outcome.state === 'new') as {
      state: Placement
      record: SignedRecord
    }[]
    const placements = this.#place(fresh.map((outcome) => outcome.record))
    for (const [index, outcome] of fresh.entries()) outcome.state = placements[index] as Placement
    if (this.#waiting.size > 0 && fresh.length > 0) this.retryWaiting(outcomes)
    return outcomes
  }

  /** Places our own record, which needs no judging. @throws InvalidRecordError when the kind's rules refuse it. */
  placeOwn(record: SignedRecord): void {
    const reason = this.#refusal(record)
    if (reason !== undefined) {
      throw new InvalidRecordError({ reason: reason.text, kind: record.kind, key: record.key })
    }
    this.#place([record])
  }

  /** Looks again at what waits for its author's certificate. */
  retryWaiting(outcomes: IntakeOutcome[] = []): void {
    for (let round = 0; round < ROUNDS_MAX && this.#waiting.size > 0; round++) {
      const { isMember } = this.#parts
      const ready = [...this.#waiting.values()].filter((record) => isMember(record.author, record.createdAt))
      if (ready.length === 0) return
      for (const record of ready) this.#dropWaiting(record)
      const alive = ready.filter((record) => this.#refusal(record) === undefined)
      const placements = this.#place(alive)
      for (const outcome of outcomes) {
        const index = outcome.state === 'waiting' ? alive.indexOf(outcome.record) : -1
        if (index >= 0) outcome.state = placements[index] as Placement
      }
    }
  }

  /** What is unwanted may be wanted now that membership has changed. */
  forgetUnwanted(): void {
    this.#unwanted.clear()
  }

  #judge(bytes: Uint8Array): IntakeOutcome {
    let read: ReadRecord
    try {
      read = readRecord(bytes)
    } catch (error) {
      if (!isKizunaError(error)) throw error
      return { state: 'refused', reason: String(error.details.reason ?? error.message) }
    }
    const { record } = read
    const shelf = this.#parts.shelf()
    if (record.space !== shelf.space) return { state: 'refused', reason: 'it is of another space' }
    // First: what is here already is no news, even when our clock was set back since.
    if (shelf.has(record)) return { state: 'known', record }
    const refusal = this.#parts.kinds.has(record.kind) ? this.#timeRefusal(record) : UNKNOWN_KIND
    if (refusal !== undefined) return this.#refuse(record, refusal)
    if (shelf.isSuperseded(record)) {
      this.#markUnwanted(record, UNWANTED_MS)
      return { state: 'superseded', record }
    }
    const rule = this.#parts.kinds.get(record.kind)?.refuse(record)
    if (rule !== undefined) return this.#refuse(record, { text: rule, forMs: UNWANTED_MS })
    if (!isSigned(read)) return { state: 'refused', reason: 'its signature is not its author’s' }
    if (!this.#parts.isMember(record.author, record.createdAt)) {
      this.#wait(record)
      return { state: 'waiting', record }
    }
    return { state: 'new', record }
  }

  #refuse(record: SignedRecord, refusal: Refusal): IntakeOutcome {
    this.#markUnwanted(record, refusal.forMs)
    return { state: 'refused', reason: refusal.text }
  }

  /** Every rule but the signature and membership. */
  #refusal(record: SignedRecord): Refusal | undefined {
    const kind = this.#parts.kinds.get(record.kind)
    if (kind === undefined) return UNKNOWN_KIND
    const time = this.#timeRefusal(record)
    if (time !== undefined) return time
    const text = kind.refuse(record)
    return text === undefined ? undefined : { text, forMs: UNWANTED_MS }
  }

  #timeRefusal(record: SignedRecord): Refusal | undefined {
    const now = this.#parts.clock.now()
    const lifetimeMsMax = this.#parts.kinds.get(record.kind)?.lifetimeMsMax ?? 0
    if (record.expiresAt - record.createdAt > lifetimeMsMax) {
      return { text: `it lives longer than its kind may (${lifetimeMsMax} ms)`, forMs: UNWANTED_MS }
    }
    if (record.expiresAt <= now) return { text: 'it has expired', forMs: UNWANTED_MS }
    const aheadMs = record.createdAt - now - FUTURE_MS_MAX
    if (aheadMs > 0)
      return { text: 'its date is more than 5 minutes ahead', forMs: Math.min(aheadMs, EARLY_MS) }
    if (this.#parts.shelf().set.size >= RECORDS_MAX) return { text: 'the space is full', forMs: UNWANTED_MS }
    return undefined
  }

  #place(records: readonly SignedRecord[]): Placement[] {
    if (records.length === 0) return []
    const shelf = this.#parts.shelf()
    let placements: Placement[]
    try {
      placements = this.#parts.index.transaction(() => records.map((record) => shelf.place(record)))
    } catch (error) {
      shelf.reload()
      throw error
    }
    for (const [index, record] of records.entries()) {
      if (placements[index] === 'new') this.#parts.onNew(record)
    }
    return placements
  }

  #wait(record: SignedRecord): void {
    if (this.#waiting.has(record.id)) return
    this.#waiting.set(record.id, record)
    this.#waitingBytes += record.bytes.byteLength
    for (const oldest of this.#waiting.values()) {
      if (this.#waiting.size <= WAITING_MAX && this.#waitingBytes <= WAITING_BYTES_MAX) break
      this.#dropWaiting(oldest)
    }
  }

  #dropWaiting(record: SignedRecord): void {
    if (this.#waiting.delete(record.id)) this.#waitingBytes -= record.bytes.byteLength
  }

  #markUnwanted({ id }: SignedRecord, forMs: number): void {
    this.#unwanted.delete(id)
    this.#unwanted.set(id, this.#parts.clock.monotonic() + forMs)
    if (this.#unwanted.size <= UNWANTED_MAX) return
    for (const oldest of this.#unwanted.keys()) {
      this.#unwanted.delete(oldest)
      break
    }
  }
}

interface Refusal {
  text: string
  /** How long not to ask for it again. */
  forMs: number
}

const UNKNOWN_KIND: Refusal = { text: 'its kind is unknown here', forMs: UNWANTED_MS }
