import type { Clock, Timer } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { AuditLedger } from './audit-ledger.ts'
import { probeCopy } from './audit-probe.ts'
import { AuditRota } from './audit-rota.ts'
import type { AuditOutcome } from './audit-standing.ts'
import { auditStripe } from './audit-stripe.ts'
import { type AuditSubject, chooseSubject } from './audit-subject.ts'
import { readCopy } from './check-copies.ts'
import type { Community } from './community.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObjects } from './kept-objects.ts'
import type { ObjectManifest } from './object-manifest.ts'
import type { Stripe } from './stripe-rebuild.ts'

/** Whole chunks read to settle a doubt: at most twelve an hour, and a few at once. */
const WHOLE_READS = { perSecond: 12 / 3_600, burst: 8 }
const WHOLE_READ_TIMEOUT_MS = 30_000
/** Holders of one stripe that are told apart by reading; more wrong ones show in the next audits. */
const SUSPECTS_READ_MAX = 3
/** Stripes whose parity their publisher made wrongly; nobody is to blame for them. */
const BAD_STRIPES_MAX = 1_000
/** After an hour at most it is looked whether anybody is due, also when nobody seemed to be. */
const LOOK_MS_MAX = 3_600_000

/** What auditing needs. */
export interface AuditorParts {
  network: Network
  community: Community
  chunks: ChunkStore
  holdings: Holdings
  kept: KeptObjects
  ledger: AuditLedger
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
  /** A peer gave wrong bytes: it and others who keep the chunk are told. */
  onWrong: (id: ContentId, peer: PeerId) => void
  /** A chunk of our own was found damaged while it was compared. */
  onDamaged: (id: ContentId) => void
}

/** How much is audited. */
export interface AuditorOptions {
  /** Audits that this node makes in an hour, spread over the members; 0 makes none. @default 20 */
  perHour: number
}

/**
 * Asks members, at random times, to show that they hold what they say. Whoever fails is asked more often until it is
 * clear, and then its copies do not count; they count again when it passes.
 */
export class Auditor {
  readonly #parts: AuditorParts
  readonly #rota: AuditRota
  readonly #wholeReads: TokenBucket
  readonly #badStripes = new Set<ContentId>()
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #running: Promise<void> | undefined

  constructor(parts: AuditorParts, options: AuditorOptions) {
    this.#parts = parts
    this.#rota = new AuditRota(parts, options)
    this.#wholeReads = new TokenBucket(parts.clock, WHOLE_READS)
  }

  start(): void {
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.stop()
    await this.#running
  }

  /** Somebody says that this peer's copies are bad: it is asked soon. Nothing else comes of it. */
  readonly suspect = (peer: PeerId): void => {
    if (this.#rota.hint(peer)) this.#arm()
  }

  /** One audit of this peer now; undefined when it claims nothing that we can check, or nothing could be concluded. */
  async audit(peer: PeerId): Promise<AuditOutcome | undefined> {
    const { ledger, network, log } = this.#parts
    const { signal } = this.#stopping
    if (!network.isConnected(peer)) return undefined
    const parts = { ...this.#parts, self: network.peerId }
    const subject = await chooseSubject(parts, peer, signal)
    if (subject === undefined) return undefined
    const outcomes = await this.#probe(peer, subject)
    let own: AuditOutcome | undefined
    const grouped = Map.groupBy(outcomes, (each) => `${each.peer} ${each.outcome}`)
    for (const group of grouped.values()) {
      const [first] = group
      if (first === undefined) continue
      if (first.peer === peer) own = first.outcome
      ledger.note(
        first.peer,
        group.map(({ id }) => id),
        first.outcome,
      )
      this.#rota.note(first.peer, first.outcome)
      // Once it is suspended nobody needs to hear more of it.
      if (first.outcome === 'wrong' && !ledger.isSuspended(first.peer)) {
        for (const { id } of group) this.#parts.onWrong(id, first.peer)
      }
      if (first.outcome !== 'proved') log.info('audit not passed', { ...first, kind: subject.kind })
    }
    await this.#followClaims(peer, own)
    return own
  }

  /** Whoever says that it lacks something may have taken back the claim; nothing false is left of it then. */
  async #followClaims(peer: PeerId, outcome: AuditOutcome | undefined): Promise<void> {
    const { holdings, ledger } = this.#parts
    const { signal } = this.#stopping
    if (outcome === 'missing') await holdings.sync(peer, { signal }).catch(() => {})
    ledger.noteRestored(
      peer,
      [...ledger.disprovedOf(peer)].filter((id) => !holdings.keeps(peer, id)),
    )
  }

  async #probe(
    peer: PeerId,
    subject: AuditSubject,
  ): Promise<{ peer: PeerId; id: ContentId; outcome: AuditOutcome }[]> {
    const { id } = subject
    if (subject.kind === 'shard') return this.#probeStripe(peer, id, subject.stripe)
    const bytes = await this.#ownBytes(id)
    if (bytes === undefined || bytes.byteLength === 0) return []
    return [{ peer, id, outcome: await probeCopy(this.#parts, peer, { id, bytes }, this.#stopping.signal) }]
  }

  async #probeStripe(peer: PeerId, id: ContentId, stripe: Stripe) {
    const { network, holdings, ledger } = this.#parts
    const name = stripe.ids[0] as ContentId
    if (this.#badStripes.has(name)) return this.#readWhole(peer, id)
    const holdersOf = (shard: ContentId) =>
      holdings
        .keepersOf(shard)
        .filter((each) => network.isConnected(each) && ledger.counts(each, shard) && each !== peer)
    const audit = await auditStripe(
      { ...this.#parts, self: network.peerId, holdersOf },
      stripe,
      { peer, id },
      this.#stopping.signal,
    )
    const { outcomes } = audit
    if (!audit.isConclusive && !outcomes.some((each) => each.peer === peer)) {
      outcomes.push(...(await this.#readWhole(peer, id)))
    }
    for (const suspect of audit.suspects.slice(0, SUSPECTS_READ_MAX)) {
      if (outcomes.some((each) => each.peer === suspect.peer && each.id === suspect.id)) continue
      const read = await this.#readWhole(suspect.peer, suspect.id)
      // Its bytes are right and yet do not fit the others: then it is the parity that was made wrongly.
      if (read[0]?.outcome === 'proved') this.#noteBadStripe(name)
      outcomes.push(...read)
    }
    return outcomes
  }

  /** Settles by the id itself what else cannot be: the whole chunk is read. Empty when too much was read lately. */
  async #readWhole(peer: PeerId, id: ContentId) {
    if (this.#wholeReads.tryTake(1) > 0) return []
    const { network, metrics } = this.#parts
    const { signal } = this.#stopping
    const copy = await readCopy(network, peer, id, { signal, timeoutMs: WHOLE_READ_TIMEOUT_MS })
    signal.throwIfAborted()
    metrics.count('kizuna_audit_whole_reads_total', { copy })
    const outcome: AuditOutcome =
      copy === 'whole'
        ? 'proved'
        : copy === 'damaged'
          ? 'wrong'
          : network.isConnected(peer)
            ? 'missing'
            : 'unreachable'
    return [{ peer, id, outcome }]
  }

  async #ownBytes(id: ContentId): Promise<Uint8Array | undefined> {
    const { chunks, onDamaged } = this.#parts
    try {
      const length = await chunks.sizeOf(id)
      // A range, so that it does not count as a use.
      return length === undefined ? undefined : await chunks.get(id, { offset: 0, length })
    } catch (error) {
      if (!isKizunaError(error)) throw error
      if (error.code === 'CHUNK_CORRUPT') onDamaged(id)
      return undefined
    }
  }

  #noteBadStripe(name: ContentId): void {
    if (this.#badStripes.size >= BAD_STRIPES_MAX) this.#badStripes.clear()
    this.#badStripes.add(name)
  }

  #arm(): void {
    if (this.#stopping.signal.aborted || this.#running !== undefined) return
    this.#timer?.stop()
    const waitMs = Math.min(this.#rota.dueInMs(), LOOK_MS_MAX)
    this.#timer = this.#parts.clock.after(waitMs, () => {
      this.#running = this.#work().finally(() => {
        this.#running = undefined
        this.#arm()
      })
    })
  }

  async #work(): Promise<void> {
    for (const peer of this.#rota.takeDue()) {
      try {
        await this.audit(peer)
      } catch (error) {
        if (this.#stopping.signal.aborted) return
        this.#parts.log.debug('audit not made', { peer, error })
      }
    }
  }
}
