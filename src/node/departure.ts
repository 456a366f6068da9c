import type { Community } from '../content/community.ts'
import type { Content, ContentProgress, HandedOver } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import { AbortedError } from '../core/errors.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Network } from '../network/network.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { readStatus, STATUS_KIND } from '../records/status-record.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { LeaveWouldLoseError } from './errors.ts'

const MIGRATIONS = [
  `CREATE TABLE departure (
     one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, until INTEGER
   ) STRICT`,
]
/** That we leave is told to everybody who is connected, within this. */
const TELL_TIMEOUT_MS = 15_000
/** Looking what others would miss reads every manifest: not more often than this. */
const TRY_AGAIN_MS = 60_000

/** What somebody who leaves may say. */
export interface DepartureOptions {
  /** Leave also when something is lost with this node. @default false */
  force?: boolean
  /** End after this time, done or not. @default as long as it takes */
  withinMs?: number
  /** Calls it off. */
  signal: AbortSignal
  onProgress?: (progress: ContentProgress) => void
}

/** How leaving stands. */
export interface DepartureReport {
  /**
   * `handing over`: copies are given to others now. `waiting`: begun before the node was started again, and nobody is
   * there or has room for the rest; it is tried again and again. `left`: done.
   */
  state: 'handing over' | 'waiting' | 'left'
  /** When somebody asked for it, in milliseconds since 1970. */
  since: number
  /** Contents that would be lost, or have fewer copies, without us; as of the last attempt that ended. */
  lost: number
  weaker: number
}

interface Parts {
  index: IndexDatabase
  clock: Clock
  content: Content
  community: Community
  records: RecordSets
  network: Network
  log: Logger
  tellStatus: () => void
}

interface Intent {
  since: number
  /** `clock.now()` at which it ends, done or not. */
  until: number | undefined
}

/**
 * Takes this node out of service without loss. That somebody asked for it is remembered until it is done, refused or
 * called off, so that a node that stops or dies half-way goes on by itself when it runs again. By itself it never
 * forces anything: after a start nobody may be there yet.
 */
export class Departure {
  readonly #parts: Parts
  readonly #tryAgainMs: number
  readonly #stopping = new AbortController()
  #running: { control: AbortController; done: Promise<unknown> } | undefined
  #intent: Intent | undefined
  #left: HandedOver[] = []
  #isWaiting = false
  #hasLeft = false

  /** @param options `tryAgainMs`: after it, what nobody has room for is offered again. */
  constructor(parts: Parts, options: { tryAgainMs?: number } = {}) {
    this.#parts = parts
    this.#tryAgainMs = options.tryAgainMs ?? TRY_AGAIN_MS
    const { index } = parts
    index.migrate('departure', MIGRATIONS)
    const row = index.get<{ since: number; until: number | null }>('SELECT since, until FROM departure')
    if (row !== undefined) this.#intent = { since: row.since, until: row.until ?? undefined }
  }

  /** Undefined while nobody wants this node to leave. */
  get report(): DepartureReport | undefined {
    if (this.#intent === undefined) return undefined
    const lost = this.#left.filter(({ margin }) => margin < 0).length
    const state = this.#hasLeft ? 'left' : this.#isWaiting ? 'waiting' : 'handing over'
    return { state, since: this.#intent.since, lost, weaker: this.#left.length - lost }
  }

  /** Goes on with what was begun before the start. */
  start(): void {
    if (this.#intent !== undefined) void this.#alone((signal) => this.#resume(signal))
  }

  /** The node stops: what is under way ends, and goes on at the next start. Safe to call again. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AbortedError({ what: 'Leaving' }))
    await this.#endRunning()
  }

  /**
   * Hands over and leaves, in the place of what is under way. The one who asked may call it off until then.
   * @returns how many contents were handed over, and what others miss all the same.
   * @throws LeaveWouldLoseError, and then this node stays.
   */
  leave(options: DepartureOptions): Promise<{ handedOver: number; left: HandedOver[] }> {
    const { force = false, withinMs, onProgress } = options
    return this.#alone(async (signal) => {
      if (this.#parts.content.isLeaving) return { handedOver: 0, left: [] }
      const since = this.#parts.clock.now()
      this.#remember({ since, until: withinMs === undefined ? undefined : since + withinMs })
      try {
        return await this.#handOverAndGo({
          force,
          signal,
          ...(onProgress === undefined ? {} : { onProgress }),
        })
      } catch (error) {
        if (!this.#stopping.signal.aborted && !this.#parts.content.isLeaving) this.#forget()
        throw error
      }
    }, options.signal)
  }

  /** @returns whether there was something to call off: nothing when this node has left already. */
  async cancel(): Promise<boolean> {
    const isUnderWay = this.#intent !== undefined
    await this.#endRunning()
    if (!isUnderWay || this.#parts.content.isLeaving) return false
    this.#forget()
    this.#parts.log.info('leaving called off')
    return true
  }

  async #resume(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts
    log.info('leaving goes on', { since: this.#intent?.since })
    try {
      for (;;) {
        this.#isWaiting = true
        await this.#somebodyThere(signal)
        this.#isWaiting = false
        if (await this.#tryAgain(signal)) return
        this.#isWaiting = true
        await clock.sleep(this.#tryAgainMs, signal)
      }
    } catch (error) {
      if (!signal.aborted) log.error('leaving broke off', { error })
    } finally {
      this.#isWaiting = false
    }
  }

  /** @returns whether that was the end of it. */
  async #tryAgain(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#parts
    try {
      await this.#handOverAndGo({ force: false, signal })
      return true
    } catch (error) {
      if (signal.aborted) throw error
      const known = toKizunaError(error)
      const isLate = this.#leftMs() === 0
      log.warn(isLate ? 'not left in time' : 'not left yet', { code: known.code, reason: known.message })
      if (isLate) this.#forget()
      return isLate
    }
  }

  async #handOverAndGo(options: {
    force: boolean
    signal: AbortSignal
    onProgress?: DepartureOptions['onProgress']
  }): Promise<{ handedOver: number; left: HandedOver[] }> {
    const { content, clock, log } = this.#parts
    const { force, signal, onProgress } = options
    const progress = onProgress === undefined ? {} : { onProgress }
    const missed = await content.handOver({ ...progress, signal, dryRun: true })
    const leftMs = this.#leftMs()
    const deadline = leftMs === undefined ? signal : clock.deadline(leftMs, signal)
    let inTime = true
    try {
      this.#left = await content.handOver({ ...progress, signal: deadline })
    } catch (error) {
      if (signal.aborted || !deadline.aborted) throw error
      inTime = false
      this.#left = await content.handOver({ signal, dryRun: true })
    }
    const left = this.#left
    const lost = left.filter(({ margin }) => margin < 0).map(({ id }) => id)
    if (!force && (lost.length > 0 || (!inTime && left.length > 0)))
      throw new LeaveWouldLoseError({ lost, weaker: left.length - lost.length, inTime })
    signal.throwIfAborted()
    content.leave()
    await this.#tellEverybody()
    content.stopServing()
    this.#hasLeft = true
    // Who starts the node again is a member again.
    this.#parts.index.run('DELETE FROM departure')
    const handedOver = missed.length - left.length
    log.info('left', { handedOver, lost: lost.length })
    return { handedOver, left }
  }

  /** Milliseconds left of the time that was given; undefined without one. */
  #leftMs(): number | undefined {
    const until = this.#intent?.until
    return until === undefined ? undefined : Math.max(until - this.#parts.clock.now(), 0)
  }

  /** Has our last status signed and brought to everybody connected. Nobody calls it off any more. */
  async #tellEverybody(): Promise<void> {
    const { clock, network, records, tellStatus } = this.#parts
    const { signal } = this.#stopping
    const deadline = clock.deadline(TELL_TIMEOUT_MS, signal)
    await new Promise<void>((resolve) => {
      const stop = records.onRecord(STATUS_KIND, (record) => {
        if (record.author === network.peerId && readStatus(record).leaving === true) end()
      })
      const end = () => {
        stop()
        resolve()
      }
      deadline.addEventListener('abort', end, { once: true })
      tellStatus()
    })
    signal.throwIfAborted()
    await records.sync({ signal: deadline }).catch(() => undefined)
  }

  /** Resolves when another member is connected. */
  async #somebodyThere(signal: AbortSignal): Promise<void> {
    const { community, network } = this.#parts
    const isThere = () => community.members().some(({ peer }) => network.isConnected(peer))
    signal.throwIfAborted()
    if (isThere()) return
    await new Promise<void>((resolve) => {
      const end = () => {
        for (const stop of stops) stop()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const look = () => {
        if (isThere()) end()
      }
      const stops = [network.onPeer(look), community.onChange(look)]
      signal.addEventListener('abort', end, { once: true })
    })
    signal.throwIfAborted()
  }

  /** One at a time: what is under way is ended first. */
  async #alone<T>(work: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal): Promise<T> {
    while (this.#running !== undefined) await this.#endRunning()
    const control = new AbortController()
    const signals = [control.signal, this.#stopping.signal, ...(outer === undefined ? [] : [outer])]
    const running = { control, done: work(AbortSignal.any(signals)) }
    this.#running = running
    try {
      return await running.done
    } finally {
      if (this.#running === running) this.#running = undefined
    }
  }

  async #endRunning(): Promise<void> {
    while (this.#running !== undefined) {
      this.#running.control.abort(new AbortedError({ what: 'Leaving' }))
      await this.#running.done.catch(() => undefined)
    }
  }

  #remember(intent: Intent): void {
    this.#intent = intent
    this.#left = []
    const { index } = this.#parts
    index.run(
      'INSERT OR REPLACE INTO departure (one, since, until) VALUES (1, ?, ?)',
      intent.since,
      intent.until ?? null,
    )
  }

  #forget(): void {
    this.#intent = undefined
    this.#left = []
    this.#parts.index.run('DELETE FROM departure')
  }
}
