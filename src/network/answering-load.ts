import type { Clock } from '../core/clock.ts'
import type { Metrics } from '../core/metrics.ts'
import { HeldMemory } from './held-memory.ts'
import { StreamNegotiations } from './stream-negotiations.ts'

/** Requests answered at once; more are told to come back. */
const ANSWERS_MAX = 1_024

/** What all requests of others together take of us, by whichever way they came: places and memory. */
export class AnsweringLoad {
  readonly memory: HeldMemory
  readonly negotiations: StreamNegotiations
  readonly #metrics: Metrics
  #answering = 0

  constructor({ clock, metrics }: { clock: Clock; metrics: Metrics }) {
    this.#metrics = metrics
    this.memory = new HeldMemory({ clock, onDropped: () => this.countSlow() })
    this.negotiations = new StreamNegotiations({ clock, memory: this.memory })
    metrics.gauge('kizuna_stream_negotiations', 'Streams of peers that no handler has taken yet.', () => {
      return this.negotiations.count
    })
    metrics.gauge('kizuna_requests_under_way', 'Requests of peers being answered now.', () => {
      return this.#answering
    })
    metrics.gauge('kizuna_held_bytes', 'Bytes that requests of peers hold in memory.', () => {
      return this.memory.heldBytes
    })
  }

  /** Requests being answered now. */
  get answering(): number {
    return this.#answering
  }

  /** Whether more than the places there are have begun. */
  get isOver(): boolean {
    return this.#answering > ANSWERS_MAX
  }

  /** A request begins; `end` must follow. */
  begin(): void {
    this.#answering++
  }

  end(): void {
    this.#answering--
  }

  /** Somebody was dropped because it was too slow. */
  countSlow(): void {
    this.#metrics.count('kizuna_network_slow_peers_total')
  }
}
