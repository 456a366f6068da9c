import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import { TokenBucket } from '../core/token-bucket.ts'

/**
 * Where somebody worth connecting to comes from. `kept` peers are redialled without end whatever happens; those
 * that we know ourselves without end while there is room; those that others named until they failed too often.
 */
export type CandidateSource = 'kept' | 'bootstrap' | 'lan' | 'known' | 'exchange'

/** A peer worth a connection, and how we heard of it. */
export interface Candidate {
  source: CandidateSource
  peer: PeerId | undefined
  addresses: readonly Multiaddr[]
}

/**
 * Pauses between attempts, doubling from the first to the second figure. A peer that matters is never left alone for
 * longer than {@link STEADY_PAUSE_MS}.
 */
const PAUSE_MS: Record<CandidateSource, readonly [number, number]> = {
  kept: [1_000, 5_000],
  bootstrap: [1_000, 15_000],
  lan: [1_000, 30_000],
  known: [2_000, 300_000],
  exchange: [2_000, 300_000],
}
/** After a long cut somebody who matters must be found again well within the 30 s that R-08 allows. */
const STEADY_PAUSE_MS = 20_000
/**
 * Beside those that are kept or of the configuration, so many matter of those that we know ourselves, and so many of
 * those that others named and we met: each kind has places of its own, so that no crowd pushes out the other.
 */
const STEADY_MAX = 8
/** Attempts after a failure: peers that matter have a rate of their own, so that no crowd of dead ones delays them. */
const STEADY_RETRIES = { perSecond: 2, burst: 16 }
/** Attempts after a failure with everybody else: 300 dead peers cost no more than this. */
const OTHER_RETRIES = { perSecond: 1, burst: 8 }
/**
 * Places for those whom we know ourselves (kept, bootstrap, lan, known), however many others are connected: whoever
 * fills all our places with strangers must not keep us from the peers that could tell us.
 */
const OWN_PLACES = 16
/** Places for those whom others named, however many are connected to us: those whom we know ourselves may be few. */
const HEARSAY_PLACES = 4
/** Of the peers wanted, at most this part are such as other peers named. */
const HEARSAY_PART = 1 / 2
/** Attempts at once. */
const DIALS_MAX = 8
/** Of these, attempts after a failure may fill so many: a dial into silence holds its place for its whole deadline. */
const STEADY_DIALS_MAX = 6
const OTHER_DIALS_MAX = 4
/** Candidates remembered here; those that failed most are dropped first. */
const CANDIDATES_MAX = 1_000
/** A candidate of hearsay that failed this often in a row, and never answered, is dropped. */
const FAILURES_MAX = 12

interface Entry extends Candidate {
  failures: number
  /** When a connection to it was last open, in monotonic milliseconds; undefined when none ever was. */
  metAt: number | undefined
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
  readonly #steadyRetries: TokenBucket
  readonly #otherRetries: TokenBucket
  #stopping = new AbortController()
  #dials = 0
  #timer: Timer | undefined

  constructor(parts: Parts, options: { peersWanted: number }) {
    this.#parts = parts
    this.#peersWanted = options.peersWanted
    this.#steadyRetries = new TokenBucket(parts.clock, STEADY_RETRIES)
    this.#otherRetries = new TokenBucket(parts.clock, OTHER_RETRIES)
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
      this.#entries.set(key, { ...candidate, failures: 0, metAt: undefined, dueAt, dialling: false })
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
    if (entry !== undefined) {
      if (entry.metAt !== undefined) entry.metAt = this.#parts.clock.monotonic()
      this.#postpone(entry, 0)
    }
    this.#look()
  }

  /**
   * Something says that the network works again (a connection came about, from whichever side, or this machine's
   * addresses changed): nobody's pause is waited for. How fast all are tried is bounded all the same.
   */
  wake(): void {
    const now = this.#parts.clock.monotonic()
    for (const entry of this.#entries.values()) {
      if (entry.failures > 0) entry.dueAt = Math.min(entry.dueAt, now)
    }
    this.#look()
  }

  #look(): void {
    this.#timer?.stop()
    if (this.#stopping.signal.aborted) return
    const { clock, connectedCount } = this.#parts
    const now = clock.monotonic()
    let room = this.#peersWanted - connectedCount() - this.#dials
    let own = this.#connected((source) => source !== 'exchange')
    const hearsay = this.#connected((source) => source === 'exchange')
    const hearsayMax = Math.ceil(this.#peersWanted * HEARSAY_PART)
    let hearsayRoom = (room > 0 ? hearsayMax : Math.min(hearsayMax, HEARSAY_PLACES)) - hearsay
    let nextAt = Number.POSITIVE_INFINITY
    const steady = this.#steady()
    const idle = [...this.#entries].filter(([, entry]) => this.#isWanted(entry))
    for (const [key, entry] of idle.sort(
      ([, a], [, b]) =>
        Number(steady.has(b)) - Number(steady.has(a)) || a.dueAt - b.dueAt || rank(a.source) - rank(b.source),
    )) {
      const isHearsay = entry.source === 'exchange'
      // Those of the configuration may all be hostile but the last, so they get twice the places.
      const ownMax = Math.min(OWN_PLACES, this.#peersWanted * (entry.source === 'bootstrap' ? 2 : 1))
      const mayDial = isHearsay ? hearsayRoom > 0 : room > 0 || own < ownMax
      if (entry.source !== 'kept' && !mayDial) continue
      const waitMs = entry.dueAt > now ? entry.dueAt - now : this.#msUntilDial(entry, steady.has(entry))
      if (waitMs > 0) {
        nextAt = Math.min(nextAt, now + waitMs)
        continue
      }
      room--
      if (isHearsay) hearsayRoom--
      else own++
      void this.#dial(key, entry)
    }
    if (nextAt < Number.POSITIVE_INFINITY) this.#timer = clock.after(nextAt - now, () => this.#look())
  }

  /** Takes a place to dial a peer that is due: 0. Otherwise how long there is none, in milliseconds; for ever until a dial ends. */
  #msUntilDial(entry: Entry, isSteady: boolean): number {
    if (entry.failures === 0) return this.#dials < DIALS_MAX ? 0 : Number.POSITIVE_INFINITY
    if (this.#dials >= (isSteady ? STEADY_DIALS_MAX : OTHER_DIALS_MAX)) return Number.POSITIVE_INFINITY
    const bucket = isSteady ? this.#steadyRetries : this.#otherRetries
    return bucket.tryTake(1)
  }

  /** The peers that matter, of those that could not be reached; of each kind those that were met last. */
  #steady(): Set<Entry> {
    const isAlways = ({ source }: Entry) => source === 'kept' || source === 'bootstrap'
    const gone = [...this.#entries.values()]
      .filter(({ peer, failures }) => failures > 0 && !(peer !== undefined && this.#parts.isConnected(peer)))
      .sort((a, b) => (b.metAt ?? -1) - (a.metAt ?? -1))
    const own = gone.filter((entry) => !isAlways(entry) && entry.source !== 'exchange')
    const met = gone.filter(({ source, metAt }) => source === 'exchange' && metAt !== undefined)
    return new Set([...gone.filter(isAlways), ...own.slice(0, STEADY_MAX), ...met.slice(0, STEADY_MAX)])
  }

  /** Connected or being dialled, of the sources that `isCounted` names. */
  #connected(isCounted: (source: CandidateSource) => boolean): number {
    let count = 0
    for (const entry of this.#entries.values()) {
      if (!isCounted(entry.source)) continue
      if (entry.dialling || (entry.peer !== undefined && this.#parts.isConnected(entry.peer))) count++
    }
    return count
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
      entry.metAt = this.#parts.clock.monotonic()
      this.#postpone(entry, 0)
      this.wake()
    } catch (error) {
      entry.failures++
      this.#postpone(entry, entry.failures)
      this.#parts.log.debug('dial failed', {
        source: entry.source,
        peer: key,
        failures: entry.failures,
        error,
      })
      if (isHearsayOnly(entry) && entry.failures >= FAILURES_MAX) this.#entries.delete(key)
    } finally {
      this.#dials--
      entry.dialling = false
      this.#look()
    }
  }

  #postpone(entry: Entry, failures: number): void {
    const { clock, random } = this.#parts
    const [least, most] = PAUSE_MS[entry.source]
    let pauseMs = Math.min(least * 2 ** Math.max(failures - 1, 0), most)
    if (pauseMs > STEADY_PAUSE_MS && this.#steady().has(entry)) pauseMs = STEADY_PAUSE_MS
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

/** Somebody whom only others named, and who never answered. */
function isHearsayOnly({ source, metAt }: Entry): boolean {
  return source === 'exchange' && metAt === undefined
}

function rank(source: CandidateSource): number {
  return Object.keys(PAUSE_MS).indexOf(source)
}
