import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'

/**
 * Where somebody worth connecting to comes from. `kept` peers are redialled without end whatever happens;
 * `bootstrap` ones without end while there are few connections; the others with ever longer pauses.
 */
export type CandidateSource = 'kept' | 'bootstrap' | 'lan' | 'known' | 'exchange'

/** A peer worth a connection, and how we heard of it. */
export interface Candidate {
  source: CandidateSource
  peer: PeerId | undefined
  addresses: readonly Multiaddr[]
}

/** Pauses between attempts, doubling from the first to the second figure. */
const PAUSE_MS: Record<CandidateSource, readonly [number, number]> = {
  kept: [1_000, 5_000],
  bootstrap: [1_000, 15_000],
  lan: [1_000, 30_000],
  known: [2_000, 300_000],
  exchange: [2_000, 300_000],
}
/** Attempts at once. */
const DIALS_MAX = 8
/** Candidates remembered here; those that failed most are dropped first. */
const CANDIDATES_MAX = 1_000
/** A candidate that failed this often in a row is dropped, unless it is kept or bootstrap. */
const FAILURES_MAX = 12

interface Entry extends Candidate {
  failures: number
  dueAt: number
  dialling: boolean
}

interface Parts {
  clock: Clock
  random: Random
  log: Logger
  isConnected: (peer: PeerId) => boolean
  connectedCount: () => number
  /** Connects by any way that works; its result is the peer found there. */
  dial: (candidate: Candidate, signal: AbortSignal) => Promise<PeerId>
}

/** Keeps the node connected: tries everybody whom some source of discovery names, with pauses, for ever. */
export class ConnectionKeeper {
  readonly #parts: Parts
  /** No further candidates are dialled beyond this, except kept ones. */
  readonly #peersWanted: number
  readonly #entries = new Map<string, Entry>()
  #stopping = new AbortController()
  #dials = 0
  #timer: Timer | undefined

  constructor(parts: Parts, options: { peersWanted: number }) {
    this.#parts = parts
    this.#peersWanted = options.peersWanted
  }

  start(): void {
    this.#stopping = new AbortController()
    this.#look()
  }

  stop(): void {
    this.#stopping.abort(new Error('this node stops'))
    this.#timer?.stop()
  }

  /** Names somebody to connect to; naming again adds addresses, and may raise the source. */
  offer(candidate: Candidate): void {
    const key = candidate.peer ?? String(candidate.addresses[0])
    const known = this.#entries.get(key)
    if (known !== undefined) {
      const all = [...candidate.addresses, ...known.addresses]
      known.addresses = [...new Map(all.map((each) => [String(each), each])).values()].slice(0, 16)
      if (rank(candidate.source) < rank(known.source)) known.source = candidate.source
      // Somebody has just been seen on our network: whatever failed before may work now.
      if (candidate.source === 'kept' || candidate.source === 'lan')
        known.dueAt = this.#parts.clock.monotonic()
    } else {
      this.#makeRoom()
      const dueAt = this.#parts.clock.monotonic()
      this.#entries.set(key, { ...candidate, failures: 0, dueAt, dialling: false })
    }
    this.#look()
  }

  /** No longer redials this peer for its own sake. */
  release(peer: PeerId): void {
    this.#entries.delete(peer)
  }

  /** A connection went away: its peer, and others if there are few now, are tried soon. */
  disconnected(peer: PeerId): void {
    const entry = [...this.#entries.values()].find((each) => each.peer === peer)
    if (entry !== undefined) this.#postpone(entry, 0)
    this.#look()
  }

  #look(): void {
    this.#timer?.stop()
    if (this.#stopping.signal.aborted) return
    const { clock, connectedCount } = this.#parts
    const now = clock.monotonic()
    let room = this.#peersWanted - connectedCount() - this.#dials
    let nextAt = Number.POSITIVE_INFINITY
    const idle = [...this.#entries].filter(([, entry]) => this.#isWanted(entry))
    for (const [key, entry] of idle.sort(
      ([, a], [, b]) => a.dueAt - b.dueAt || rank(a.source) - rank(b.source),
    )) {
      if (entry.source !== 'kept' && room <= 0) continue
      if (entry.dueAt > now) nextAt = Math.min(nextAt, entry.dueAt)
      else if (this.#dials < DIALS_MAX) {
        room--
        void this.#dial(key, entry)
      }
    }
    if (nextAt < Number.POSITIVE_INFINITY) this.#timer = clock.after(nextAt - now, () => this.#look())
  }

  #isWanted(entry: Entry): boolean {
    return !entry.dialling && (entry.peer === undefined || !this.#parts.isConnected(entry.peer))
  }

  async #dial(key: string, entry: Entry): Promise<void> {
    this.#dials++
    entry.dialling = true
    try {
      entry.peer = await this.#parts.dial(entry, this.#stopping.signal)
      entry.failures = 0
      this.#postpone(entry, 0)
    } catch (error) {
      entry.failures++
      this.#postpone(entry, entry.failures)
      this.#parts.log.debug('dial failed', {
        source: entry.source,
        peer: key,
        failures: entry.failures,
        error,
      })
      const isForEver = entry.source === 'kept' || entry.source === 'bootstrap'
      if (!isForEver && entry.failures >= FAILURES_MAX) this.#entries.delete(key)
    } finally {
      this.#dials--
      entry.dialling = false
      this.#look()
    }
  }

  #postpone(entry: Entry, failures: number): void {
    const { clock, random } = this.#parts
    const [least, most] = PAUSE_MS[entry.source]
    const pauseMs = Math.min(least * 2 ** Math.max(failures - 1, 0), most)
    // Half of it by chance, so that a community does not redial its relay in step.
    entry.dueAt = clock.monotonic() + pauseMs * (0.5 + random.fraction() / 2)
  }

  #makeRoom(): void {
    if (this.#entries.size < CANDIDATES_MAX) return
    const [worst] = [...this.#entries]
      .filter(([, entry]) => entry.source !== 'kept' && entry.source !== 'bootstrap')
      .sort(([, a], [, b]) => b.failures - a.failures)
    if (worst !== undefined) this.#entries.delete(worst[0])
  }
}

function rank(source: CandidateSource): number {
  return Object.keys(PAUSE_MS).indexOf(source)
}
