import type { AgreedClock } from '../core/agreed-clock.ts'
import type { Timer } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import { type Random, shuffled } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'

/** Asks what time it is: nothing goes there, eight bytes come back (milliseconds since 1970, big endian). */
export const TIME_PROTOCOL = '/kizuna/time/1.0.0'
const TIME_BYTES = 8
/** Connected members are asked again this often. */
const ASK_EVERY_MS = 60_000
/** Members asked at a turn. */
const ASKED_MAX = 16
/** An answer that was longer underway says little. */
const ROUND_TRIP_MS_MAX = 5_000
/** Dates beyond the year 10000 are nonsense. */
const TIME_MAX = 253_402_300_800_000

/** What the keeper works with. */
export interface TimeKeeperParts {
  network: Network
  clock: AgreedClock
  random: Random
  log: Logger
  metrics: Metrics
  isMember: (peer: PeerId) => boolean
}

/** Asks members what time it is and tells {@link AgreedClock}, and answers those who ask. */
export class TimeKeeper {
  readonly #parts: TimeKeeperParts
  readonly #stops: (() => void)[] = []
  #timer: Timer | undefined

  constructor(parts: TimeKeeperParts) {
    this.#parts = parts
    parts.metrics.gauge(
      'kizuna_clock_correction_seconds',
      'how far this machine’s clock is behind what the members agree on',
      () => parts.clock.correctionMs / 1000,
    )
  }

  /** Answers and asks from now on: each member as soon as it connects, and all of them now and then. */
  start(): void {
    const { network, clock } = this.#parts
    this.#stops.push(
      network.handle(TIME_PROTOCOL, async function* (request) {
        for await (const _ of request)
          throw new LimitExceededError({ what: 'A question for the time', limit: 0 })
        yield encodeTime(clock.ownNow())
      }),
      network.onPeer(({ peer, kind }) => {
        if (kind === 'connected') void this.#ask(peer)
      }),
    )
    const askAgain = () => {
      void this.askAll()
      this.#timer = clock.after(ASK_EVERY_MS, askAgain)
    }
    askAgain()
  }

  stop(): void {
    this.#timer?.stop()
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** Asks connected members, some of them when there are many. */
  async askAll(): Promise<void> {
    const peers = this.#parts.network.connectedPeers().map(({ peer }) => peer)
    await Promise.all(
      shuffled(this.#parts.random, peers)
        .slice(0, ASKED_MAX)
        .map((peer) => this.#ask(peer)),
    )
  }

  async #ask(peer: PeerId): Promise<void> {
    const { network, clock, log, isMember } = this.#parts
    if (!isMember(peer)) return
    const begin = clock.monotonic()
    try {
      for await (const frame of network.request(peer, TIME_PROTOCOL, [], { timeoutMs: ROUND_TRIP_MS_MAX })) {
        const roundTripMs = clock.monotonic() - begin
        const theirs = decodeTime(frame)
        if (theirs === undefined || roundTripMs > ROUND_TRIP_MS_MAX) return
        clock.observe(peer, theirs + roundTripMs / 2)
        return
      }
    } catch (error) {
      log.debug('time not told', { peer, code: toKizunaError(error).code })
    }
  }
}

function encodeTime(now: number): Uint8Array {
  const bytes = Buffer.alloc(TIME_BYTES)
  bytes.writeBigUInt64BE(BigInt(Math.min(Math.max(Math.floor(now), 0), TIME_MAX)))
  return bytes
}

/** Undefined when it is no date. */
function decodeTime(frame: Uint8Array): number | undefined {
  if (frame.byteLength !== TIME_BYTES) return undefined
  const time = Buffer.from(frame).readBigUInt64BE()
  return time <= BigInt(TIME_MAX) ? Number(time) : undefined
}
