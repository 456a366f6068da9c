import { CircuitBreaker, type CircuitState } from '../core/circuit-breaker.ts'
import type { Clock } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import type { Metrics } from '../core/metrics.ts'

/** When the circuit of an outside service opens and for how long. */
export interface BreakerOptions {
  /** @default 5 */
  failuresMax?: number
  /** @default 2000 */
  openMs?: number
  /** @default 120000 */
  openMsMax?: number
  isFailure?: (error: unknown) => boolean
}

/** More outside services than this, and a name is made from data. */
const BREAKERS_MAX = 64
const STATE_VALUE: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/** One circuit for each outside service, so that all who use it leave it alone together and `status` shows it. */
export class CircuitBreakers {
  readonly #parts: { clock: Clock; metrics: Metrics }
  readonly #breakers = new Map<string, CircuitBreaker>()

  constructor(parts: { clock: Clock; metrics: Metrics }) {
    this.#parts = parts
  }

  /** The service's circuit, made at the first call; later options are not looked at. @throws LimitExceededError */
  of(service: string, options: BreakerOptions = {}): CircuitBreaker {
    const known = this.#breakers.get(service)
    if (known !== undefined) return known
    if (this.#breakers.size >= BREAKERS_MAX)
      throw new LimitExceededError({ what: 'The number of outside services', limit: BREAKERS_MAX })
    const { clock, metrics } = this.#parts
    const breaker = new CircuitBreaker(clock, {
      what: `The service ${service}`,
      failuresMax: options.failuresMax ?? 5,
      openMs: options.openMs ?? 2_000,
      openMsMax: options.openMsMax ?? 120_000,
      ...(options.isFailure === undefined ? {} : { isFailure: options.isFailure }),
    })
    this.#breakers.set(service, breaker)
    metrics.gauge(
      `kizuna_circuit_${service.replaceAll(/[^a-z0-9]/g, '_')}`,
      '0 closed, 1 half-open, 2 open',
      () => STATE_VALUE[breaker.state],
    )
    return breaker
  }

  /** How each circuit is, by service. */
  states(): Record<string, CircuitState> {
    return Object.fromEntries([...this.#breakers].map(([service, breaker]) => [service, breaker.state]))
  }
}
