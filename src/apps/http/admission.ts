import type { Clock, Timer } from '../../core/clock.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { Random } from '../../core/random.ts'
import { OverloadedError } from './errors.ts'

/** How many places a request takes, by what it makes the node do. A `write` cuts, hashes and syncs; a `read` streams. */
const PLACES = { light: 1, read: 2, write: 4 } as const

/** What a request makes the node do. */
export type RequestLoad = keyof typeof PLACES

/** More at work at once makes nothing faster on one event loop: it only makes everybody wait longer. */
const PLACES_MAX = 16
/** What each load may always take, whatever the others took, and no more while others have to wait: uploads never shut out those who only ask. */
const SHARE = 4
/** Who had to wait is thought of for so long: the refused come again, and shall find their share. */
const PRESSED_MS = 1_000
/** Requests that wait for a place. */
const WAITING_MAX = 64
/** A crowd that comes at once may wait this long, … */
const BURST_MS = 100
/** … but where some have been waiting all the time for that long, a queue only adds delay: then nobody waits longer than so long for each place that it takes. */
const STANDING_MS = 5
/** How often the waiting are looked after. */
const LOOK_MS = 20
/** Below this share of its time at work, the node is not what those inside wait for. */
const IDLE_SHARE = 0.5
/** Who has been inside for so long waits for a slow reader, sender or peer, and holds no place. */
const HELD_MS_MAX = 2_000
/** The refused are told to come again after 1 to this many seconds, so that they do not come all at once. */
const RETRY_SECONDS_MAX = 3

interface Inside {
  load: RequestLoad
  since: number
}

interface Waiting {
  load: RequestLoad
  since: number
  enter(): void
  refuse(error: OverloadedError): void
}

/** What an admission works with. */
export interface AdmissionParts {
  clock: Clock
  random: Random
  metrics: Metrics
  /** The share of the time since it was last asked that the event loop was at work, from 0 to 1. */
  workShare: () => number
}

/**
 * How many requests are at work at once. Those beyond wait for a short while, and are refused where the node has more
 * to do than it can: so the admitted are answered about as quickly as ever. The queue is limited by the time spent in
 * it, as in CoDel (RFC 8289); while the event loop is mostly idle, nobody is refused.
 */
export class Admission {
  readonly #parts: AdmissionParts
  readonly #inside = new Set<Inside>()
  #waiting: Waiting[] = []
  /** When a request of each load had to wait last. */
  readonly #pressedAt = new Map<RequestLoad, number>()
  /** When nobody was waiting last. */
  #emptyAt = 0
  #look: Timer | undefined

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    parts.metrics.gauge('kizuna_http_requests_waiting', 'requests that wait for a place', () => this.waiting)
  }

  /** Requests that wait for a place now. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Resolves with a function that gives the place back, which may be called again. A request whose `signal` aborts waits
   * no longer.
   * @throws OverloadedError
   */
  enter(load: RequestLoad, signal: AbortSignal): Promise<() => void> {
    if (this.#waiting.length === 0 && this.#hasPlace(load)) return Promise.resolve(this.#admit(load))
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(this.#refusal())
    return this.#wait(load, signal)
  }

  #wait(load: RequestLoad, signal: AbortSignal): Promise<() => void> {
    const since = this.#parts.clock.monotonic()
    this.#pressedAt.set(load, since)
    if (this.#waiting.length === 0) {
      this.#emptyAt = since
      // What was before does not count.
      this.#parts.workShare()
      this.#lookSoon()
    }
    const { promise, resolve, reject } = Promise.withResolvers<() => void>()
    const waiting: Waiting = { load, since, enter: () => resolve(this.#admit(load)), refuse: reject }
    this.#waiting.push(waiting)
    const forget = () => {
      this.#waiting = this.#waiting.filter((one) => one !== waiting)
      reject(signal.reason)
    }
    signal.addEventListener('abort', forget, { once: true })
    // A place may be free that is not for the one who waits in front.
    this.#fill()
    return promise.finally(() => signal.removeEventListener('abort', forget))
  }

  #admit(load: RequestLoad): () => void {
    const one: Inside = { load, since: this.#parts.clock.monotonic() }
    this.#inside.add(one)
    return () => {
      if (this.#inside.delete(one)) this.#fill()
    }
  }

  #hasPlace(load: RequestLoad): boolean {
    let all = 0
    let own = 0
    for (const { load: other } of this.#inside) {
      all += PLACES[other]
      if (other === load) own += PLACES[other]
    }
    if (own + PLACES[load] <= SHARE) return true
    return all + PLACES[load] <= PLACES_MAX && !this.#isAnotherPressed(load)
  }

  #isAnotherPressed(load: RequestLoad): boolean {
    const now = this.#parts.clock.monotonic()
    return [...this.#pressedAt].some(([other, at]) => other !== load && now - at < PRESSED_MS)
  }

  /** Lets in whom there is a place for, and refuses instead who has waited too long by now. */
  #fill(): void {
    const now = this.#parts.clock.monotonic()
    const isStanding = now - this.#emptyAt > BURST_MS
    // The first to come goes first, but in a standing queue the last: everybody else's patience is spent already.
    if (isStanding) this.#waiting.reverse()
    this.#sort(({ load, since }) => {
      if (!this.#hasPlace(load)) return 'wait'
      return now - since > (isStanding ? STANDING_MS * PLACES[load] : BURST_MS) ? 'refuse' : 'enter'
    })
    if (isStanding) this.#waiting.reverse()
  }

  /** Looks after those for whom no place became free. */
  #lookAfter(): void {
    const now = this.#parts.clock.monotonic()
    for (const one of this.#inside) if (now - one.since > HELD_MS_MAX) this.#inside.delete(one)
    const isIdle = this.#parts.workShare() < IDLE_SHARE
    this.#sort(({ since }) => (isIdle ? 'enter' : now - since >= BURST_MS ? 'refuse' : 'wait'))
    this.#fill()
    this.#look = undefined
    if (this.#waiting.length > 0) this.#lookSoon()
  }

  #sort(fate: (waiting: Waiting) => 'enter' | 'refuse' | 'wait'): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter((one) => {
      const what = fate(one)
      if (what === 'enter') one.enter()
      else if (what === 'refuse') one.refuse(this.#refusal())
      return what === 'wait'
    })
    if (this.#waiting.length === 0) this.#emptyAt = this.#parts.clock.monotonic()
  }

  #lookSoon(): void {
    this.#look ??= this.#parts.clock.after(LOOK_MS, () => this.#lookAfter())
  }

  #refusal(): OverloadedError {
    this.#parts.metrics.count('kizuna_http_refused_total')
    return new OverloadedError({ retryAfterSeconds: 1 + this.#parts.random.integer(RETRY_SECONDS_MAX) })
  }
}
