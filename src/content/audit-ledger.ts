import type { Clock } from '../core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import {
  AUDIT_OUTCOMES,
  type AuditOutcome,
  type AuditStanding,
  type AuditWeights,
  scoreOf,
  WEIGHTS_AT_FIRST,
  weighOutcome,
} from './audit-standing.ts'

/** Proofs remembered of all peers together; the oldest go first. About 100 bytes each on the disk. */
const PROOFS_MAX = 200_000
/**
 * A suspension ends when for so long nothing could be asked that says anything: with nothing left to compare, nobody
 * could ever pass.
 */
const LAPSES_AFTER_MS = 24 * 3_600_000
/** The number is looked at after so many. */
const PRUNE_EVERY = 1_000
/** Chunks of one peer that were found missing, remembered; a peer with more is suspended long since. */
const DISPROVED_MAX = 10_000

const MIGRATIONS = [
  `CREATE TABLE audit_claim (
     peer TEXT NOT NULL, digest BLOB NOT NULL, proved_at INTEGER, disproved_at INTEGER, PRIMARY KEY (peer, digest)
   ) WITHOUT ROWID, STRICT;
   CREATE INDEX audit_claim_by_time ON audit_claim (max(coalesce(proved_at, 0), coalesce(disproved_at, 0)));
   CREATE TABLE audit_standing (
     peer TEXT PRIMARY KEY, passed REAL NOT NULL, failed REAL NOT NULL, suspended INTEGER NOT NULL,
     proved_at INTEGER, asked_at INTEGER, proved INTEGER NOT NULL, late INTEGER NOT NULL, missing INTEGER NOT NULL,
     wrong INTEGER NOT NULL, silent INTEGER NOT NULL, unreachable INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT`,
]

type StandingRow = { peer: string; passed: number; failed: number; suspended: number } & {
  proved_at: number | null
  asked_at: number | null
} & Record<AuditOutcome, number>

interface Entry {
  weights: AuditWeights
  lastProvedAt: number | undefined
  lastAskedAt: number | undefined
  counts: Record<AuditOutcome, number>
  /** Claims found false and not proved since. */
  disproved: Set<ContentId>
}

/** What remembering audits needs. */
export interface AuditLedgerParts {
  index: IndexDatabase
  clock: Clock
  log: Logger
  metrics: Metrics
}

/**
 * What our audits showed: when each peer last proved each chunk, which claims were found false, and how far each peer
 * can be relied on. Only our own audits count, never another's word. Kept in the index.
 */
export class AuditLedger {
  readonly #parts: AuditLedgerParts
  readonly #entries = new Map<PeerId, Entry>()
  readonly #listeners = new Set<() => void>()
  #notedSincePrune = 0

  constructor(parts: AuditLedgerParts) {
    this.#parts = parts
    const { index, metrics } = parts
    index.migrate('audits', MIGRATIONS)
    for (const row of index.all<StandingRow>('SELECT * FROM audit_standing')) {
      this.#entries.set(row.peer as PeerId, fromRow(row))
    }
    this.#loadDisproved()
    metrics.gauge('kizuna_audit_suspended_peers', 'peers whose copies do not count', () => {
      return this.report().suspended.length
    })
  }

  /** When the peer last showed us that it holds the chunk, `clock.now()`; undefined when it never did. */
  lastProved(peer: PeerId, id: ContentId): number | undefined {
    const row = this.#parts.index.get<{ proved_at: number | null }>(
      'SELECT proved_at FROM audit_claim WHERE peer = ? AND digest = ?',
      peer,
      digestOf(id),
    )
    return row?.proved_at ?? undefined
  }

  standing(peer: PeerId): AuditStanding {
    const entry = this.#entries.get(peer) ?? newEntry()
    return {
      score: scoreOf(entry.weights),
      isSuspended: this.#isOut(entry),
      lastProvedAt: entry.lastProvedAt,
      lastAskedAt: entry.lastAskedAt,
      counts: { ...entry.counts },
    }
  }

  isSuspended(peer: PeerId): boolean {
    const entry = this.#entries.get(peer)
    return entry !== undefined && this.#isOut(entry)
  }

  /** Whether the peer's claim to hold the chunk counts as a copy: neither found false nor made by a suspended peer. */
  counts(peer: PeerId, id: ContentId): boolean {
    const entry = this.#entries.get(peer)
    return entry === undefined || (!this.#isOut(entry) && !entry.disproved.has(id))
  }

  /** Claims of a peer that were found false and not proved since. */
  disprovedOf(peer: PeerId): ReadonlySet<ContentId> {
    return this.#entries.get(peer)?.disproved ?? new Set()
  }

  /**
   * Claims found false are forgotten, because the peer was sent the chunks and confirmed them by hash, or because it
   * took the claims back: new ones count until the next audit.
   */
  noteRestored(peer: PeerId, ids: readonly ContentId[]): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined || entry.disproved.size === 0) return
    for (const id of ids) {
      if (!entry.disproved.delete(id)) continue
      this.#parts.index.run('DELETE FROM audit_claim WHERE peer = ? AND digest = ?', peer, digestOf(id))
    }
  }

  /** Writes down what an audit showed of these chunks of one peer; one call is one audit, however many they are. */
  note(peer: PeerId, ids: readonly ContentId[], outcome: AuditOutcome): void {
    const { index, clock, metrics } = this.#parts
    const now = clock.now()
    const entry = this.#entries.get(peer) ?? newEntry()
    const before = this.#isOut(entry)
    if (entry.weights.isSuspended && !before) entry.weights = WEIGHTS_AT_FIRST
    this.#entries.set(peer, entry)
    entry.weights = weighOutcome(entry.weights, outcome)
    entry.counts[outcome]++
    if (outcome !== 'unreachable') entry.lastAskedAt = now
    if (outcome === 'proved') entry.lastProvedAt = now
    metrics.count('kizuna_audits_total', { outcome })
    index.transaction(() => {
      this.#writeStanding(peer, entry)
      for (const id of ids) this.#noteClaim(peer, id, outcome, entry)
    })
    this.#prune(ids.length)
    if (before !== entry.weights.isSuspended) this.#say(peer, entry)
    if (before !== entry.weights.isSuspended || outcome === 'missing' || outcome === 'wrong') {
      for (const listener of [...this.#listeners]) listener()
    }
  }

  /** Calls `listener` when copies begin or cease to count; returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** For the owner: how many peers were audited, and which are suspended. */
  report(): { audited: number; suspended: PeerId[] } {
    const peers = [...this.#entries.keys()]
    return { audited: peers.length, suspended: peers.filter((peer) => this.isSuspended(peer)) }
  }

  #isOut({ weights, lastAskedAt }: Entry): boolean {
    return weights.isSuspended && this.#parts.clock.now() - (lastAskedAt ?? 0) < LAPSES_AFTER_MS
  }

  #noteClaim(peer: PeerId, id: ContentId, outcome: AuditOutcome, { disproved }: Entry): void {
    const isProof = outcome === 'proved'
    if (!isProof && outcome !== 'missing' && outcome !== 'wrong') return
    if (isProof) disproved.delete(id)
    else if (disproved.size < DISPROVED_MAX) disproved.add(id)
    const column = isProof ? 'proved_at' : 'disproved_at'
    this.#parts.index.run(
      `INSERT INTO audit_claim (peer, digest, ${column}) VALUES (?, ?, ?)
       ON CONFLICT (peer, digest) DO UPDATE SET ${column} = excluded.${column}`,
      peer,
      digestOf(id),
      this.#parts.clock.now(),
    )
  }

  #writeStanding(peer: PeerId, { weights, lastProvedAt, lastAskedAt, counts }: Entry): void {
    this.#parts.index.run(
      `INSERT OR REPLACE INTO audit_standing
         (peer, passed, failed, suspended, proved_at, asked_at, ${AUDIT_OUTCOMES.join(', ')})
       VALUES (?, ?, ?, ?, ?, ?, ${AUDIT_OUTCOMES.map(() => '?').join(', ')})`,
      peer,
      weights.passed,
      weights.failed,
      weights.isSuspended ? 1 : 0,
      lastProvedAt ?? null,
      lastAskedAt ?? null,
      ...AUDIT_OUTCOMES.map((outcome) => counts[outcome]),
    )
  }

  #loadDisproved(): void {
    for (const row of this.#parts.index.iterate<{ peer: string; digest: Uint8Array }>(
      'SELECT peer, digest FROM audit_claim WHERE disproved_at > coalesce(proved_at, 0)',
    )) {
      this.#entries.get(row.peer as PeerId)?.disproved.add(contentIdFromDigest(row.digest))
    }
  }

  #prune(noted: number): void {
    this.#notedSincePrune += noted
    if (this.#notedSincePrune < PRUNE_EVERY) return
    this.#notedSincePrune = 0
    this.#parts.index.run(
      `DELETE FROM audit_claim WHERE (peer, digest) IN (
         SELECT peer, digest FROM audit_claim
         ORDER BY max(coalesce(proved_at, 0), coalesce(disproved_at, 0)) DESC LIMIT -1 OFFSET ?)`,
      PROOFS_MAX,
    )
  }

  #say(peer: PeerId, { weights, counts }: Entry): void {
    const { log, metrics } = this.#parts
    const event = weights.isSuspended ? 'copies of a peer do not count' : 'copies of a peer count again'
    metrics.count('kizuna_audit_suspensions_total', { what: weights.isSuspended ? 'begun' : 'ended' })
    log.warn(event, { peer, score: scoreOf(weights), ...counts })
  }
}

function newEntry(): Entry {
  return {
    weights: WEIGHTS_AT_FIRST,
    lastProvedAt: undefined,
    lastAskedAt: undefined,
    counts: { proved: 0, late: 0, missing: 0, wrong: 0, silent: 0, unreachable: 0 },
    disproved: new Set(),
  }
}

function fromRow(row: StandingRow): Entry {
  const { passed, failed, suspended, proved, late, missing, wrong, silent, unreachable } = row
  return {
    weights: { passed, failed, isSuspended: suspended === 1 },
    lastProvedAt: row.proved_at ?? undefined,
    lastAskedAt: row.asked_at ?? undefined,
    counts: { proved, late, missing, wrong, silent, unreachable },
    disproved: new Set(),
  }
}
