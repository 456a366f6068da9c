import type { Clock, Timer } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import { type Random, shuffled } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import { type Candidate, planOffers } from './plan-offers.ts'
import type { TaskKind } from './task.ts'
import type { TasksClient } from './tasks-client.ts'

/** Members asked for their load before work is offered: all of a small space, some of a large one, never fewer than two. */
const PROBED_MAX = 8
const PROBE_TIMEOUT_MS = 2_000
/** Work that waits is offered again this often; offers get lost and slots get free. */
const AGAIN_MS = 3_000
/** What a member said about what it takes is believed so long. */
const BELIEVED_MS = 60_000

/** What offering is made of. */
export interface TaskOffersParts {
  self: PeerId
  client: TasksClient
  clock: Clock
  random: Random
  log: Logger
  /** Members that are online, without us. */
  members: () => readonly PeerId[]
  /** Parts that wait for a worker. */
  waiting: () => number
}

/**
 * Tells members that work waits, so that they come for it. Who is told is decided by their load at this moment: each
 * is asked (a probe), and what the space says of them by gossip is never looked at, because old loads send everybody
 * to the same one.
 */
export class TaskOffers {
  readonly #parts: TaskOffersParts
  readonly #known = new Map<PeerId, { kinds: readonly TaskKind[]; at: number }>()
  #timer: Timer | undefined
  #isUnderWay = false
  #isWanted = false
  #isStopped = false

  constructor(parts: TaskOffersParts) {
    this.#parts = parts
  }

  /** Work waits; may be called as often as one likes. */
  wake(): void {
    this.#isWanted = true
    if (this.#isUnderWay || this.#isStopped) return
    this.#isUnderWay = true
    this.#rounds()
      .catch((error) => this.#parts.log.warn('offers failed', { code: toKizunaError(error).code }))
      .finally(() => {
        this.#isUnderWay = false
        if (this.#parts.waiting() > 0) this.#again()
      })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.stop()
  }

  /** Members, and we, that take such tasks as far as they said lately, without these. */
  otherWorkers(kind: TaskKind, than: ReadonlySet<PeerId>): number {
    const now = this.#parts.clock.monotonic()
    return [...this.#known].filter(
      ([peer, { kinds, at }]) => now - at <= BELIEVED_MS && kinds.includes(kind) && !than.has(peer),
    ).length
  }

  async #rounds(): Promise<void> {
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false
      const waiting = this.#parts.waiting()
      if (waiting === 0) return
      const offers = planOffers(waiting, await this.#probe())
      const told = [...offers].map(([peer, count]) => this.#offer(peer, count))
      await Promise.all(told)
    }
  }

  async #probe(): Promise<Candidate[]> {
    const { client, clock, random, members, self } = this.#parts
    const asked = [self, ...shuffled(random, members()).slice(0, PROBED_MAX - 1)]
    const found = await Promise.all(
      asked.map(async (peer): Promise<Candidate[]> => {
        try {
          const load = await client.probe(peer, { timeoutMs: PROBE_TIMEOUT_MS })
          if (load.slots > 0) this.#known.set(peer, { kinds: load.kinds, at: clock.monotonic() })
          else this.#known.delete(peer)
          return [{ peer, ...load }]
        } catch {
          this.#known.delete(peer)
          return []
        }
      }),
    )
    // Equally busy ones in any order, or the first in the list would always get the odd task.
    return shuffled(random, found.flat())
  }

  async #offer(peer: PeerId, count: number): Promise<void> {
    try {
      await this.#parts.client.offer(peer, count, { timeoutMs: PROBE_TIMEOUT_MS })
    } catch (error) {
      this.#parts.log.debug('offer not heard', { peer, code: toKizunaError(error).code })
    }
  }

  #again(): void {
    this.#timer?.stop()
    if (!this.#isStopped) this.#timer = this.#parts.clock.after(AGAIN_MS, () => this.wake())
  }
}
