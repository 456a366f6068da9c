import type { Connection, Libp2p } from '@libp2p/interface'
import { PING_PROTOCOL } from '@libp2p/ping'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'

/** How often connections are looked at. */
const LOOK_MS = 2_000
/** A connection on which nothing came for this long is asked whether it is there. */
const SILENCE_MS = 4_000
/** It is dropped when nothing at all comes for this long after the question. */
const ANSWER_MS = 4_000
/** The same where arriving bytes cannot be seen, only the answer itself. */
const ANSWER_MS_BLIND = 20_000
/** When our own process was held up, what arrived meanwhile is counted before the verdict. */
const GRACE_MS = 200
/** The round trip is measured this often, also on busy connections. */
const MEASURE_MS = 30_000
const PING_BYTES = 32

/**
 * Drops connections that died without a word. libp2p's own monitor drops a connection whose ping is late; behind
 * the megabytes of a transfer on a slow line every ping is late. Here whatever arrives is a sign of life.
 */
export class LinkMonitor {
  readonly #parts: { host: Libp2p; clock: Clock; log: Logger; metrics: Metrics }
  readonly #heardAt = new WeakMap<Connection, number>()
  readonly #measuredAt = new WeakMap<Connection, number>()
  readonly #asking = new WeakSet<Connection>()

  constructor(parts: { host: Libp2p; clock: Clock; log: Logger; metrics: Metrics }) {
    this.#parts = parts
    parts.host.addEventListener('connection:open', ({ detail }) => this.#watch(detail))
    for (const connection of parts.host.getConnections()) this.#watch(connection)
  }

  /** Looks after all connections until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { host, clock } = this.#parts
    try {
      for (;;) {
        await clock.sleep(LOOK_MS, signal)
        for (const connection of host.getConnections()) this.#look(connection, signal)
      }
    } catch {
      // The network stops.
    }
  }

  /** libp2p does not say when bytes arrive; its connection has the raw one inside, where it can be heard. */
  #watch(connection: Connection): void {
    const raw = (
      connection as { maConn?: { addEventListener?: (type: string, listener: () => void) => void } }
    ).maConn
    if (raw?.addEventListener === undefined) return
    const { clock } = this.#parts
    this.#heardAt.set(connection, clock.monotonic())
    raw.addEventListener('message', () => this.#heardAt.set(connection, clock.monotonic()))
  }

  #look(connection: Connection, signal: AbortSignal): void {
    const now = this.#parts.clock.monotonic()
    const isSilent = now - (this.#heardAt.get(connection) ?? 0) >= SILENCE_MS
    const isUnmeasured = now - (this.#measuredAt.get(connection) ?? Number.NEGATIVE_INFINITY) >= MEASURE_MS
    if (connection.status !== 'open' || this.#asking.has(connection) || !(isSilent || isUnmeasured)) return
    this.#asking.add(connection)
    void this.#ask(connection, signal).finally(() => this.#asking.delete(connection))
  }

  async #ask(connection: Connection, signal: AbortSignal): Promise<void> {
    const { clock, log, metrics } = this.#parts
    const canHear = this.#heardAt.has(connection)
    const askedAt = clock.monotonic()
    const ended = clock.deadline(canHear ? ANSWER_MS : ANSWER_MS_BLIND, signal)
    try {
      const roundTripMs = await ping(connection, clock, ended)
      if (roundTripMs !== undefined) connection.rtt = roundTripMs
      this.#measuredAt.set(connection, clock.monotonic())
    } catch (error) {
      if (signal.aborted || connection.status !== 'open') return
      if (!isOver(error)) {
        // Only silence counts: a refused stream is an answer too.
        if (!ended.aborted) return
        await clock.sleep(GRACE_MS)
        if (canHear && (this.#heardAt.get(connection) ?? 0) > askedAt) return
      }
      metrics.count('kizuna_dead_links_total')
      log.info('connection is dead', { peer: connection.remotePeer.toString(), error })
      connection.abort(new Error('the connection is dead', { cause: error }))
    }
  }
}

/**
 * Whether a connection that says it is open carries no more streams: its other end closed the muxer, and the end of
 * the socket below never came. libp2p keeps such WebSockets for ever, and would go on choosing them.
 */
function isOver(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConnectionClosedError'
}

/** The round trip in milliseconds; undefined when the peer is there and does not know the protocol. */
async function ping(connection: Connection, clock: Clock, signal: AbortSignal): Promise<number | undefined> {
  try {
    const stream = await connection.newStream(PING_PROTOCOL, { signal, runOnLimitedConnection: true })
    try {
      const sentAt = clock.monotonic()
      await new Promise<void>((resolve, reject) => {
        let received = 0
        stream.addEventListener('message', ({ data }) => {
          received += data.byteLength
          if (received >= PING_BYTES) resolve()
        })
        stream.addEventListener('close', () => reject(new Error('the ping was cut off')))
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        stream.send(new Uint8Array(PING_BYTES))
      })
      const roundTripMs = Math.round(clock.monotonic() - sentAt)
      await stream.close({ signal })
      return roundTripMs
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error('ping', { cause: error }))
      throw error
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') return undefined
    throw error
  }
}
