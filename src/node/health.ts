import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'

/** How a part is; `error` says in a sentence what was wrong last, without secrets. */
export interface SubsystemHealth {
  state: 'ok' | 'degraded' | 'down'
  error?: string
}

/** A part's health with the time since which it is so, in milliseconds since 1970. */
export interface HealthReport extends SubsystemHealth {
  name: string
  since: number
}

/** What `status` says about each part that can be ill by itself: the disk, peers, Discord, outside services. */
export class Health {
  readonly #parts: { clock: Clock; log: Logger }
  readonly #known = new Map<string, HealthReport>()
  readonly #asked = new Map<string, () => SubsystemHealth | Promise<SubsystemHealth>>()

  constructor(parts: { clock: Clock; log: Logger }) {
    this.#parts = parts
  }

  /** Tells how a part is from now on. */
  set(name: string, health: SubsystemHealth): void {
    const before = this.#known.get(name)
    if (before?.state === health.state && before.error === health.error) return
    this.#known.set(name, { name, since: this.#parts.clock.now(), ...health })
    if (before !== undefined && before.state !== health.state)
      this.#parts.log.info('health', { part: name, ...health })
  }

  /** Asks `read` whenever somebody wants to know. */
  ask(name: string, read: () => SubsystemHealth | Promise<SubsystemHealth>): void {
    this.#asked.set(name, read)
  }

  /** The part is no longer there. */
  remove(name: string): void {
    this.#known.delete(name)
    this.#asked.delete(name)
  }

  /** Every part, by name. A part that cannot even be asked is down. */
  async report(): Promise<HealthReport[]> {
    for (const [name, read] of this.#asked) this.set(name, await healthOf(read))
    return [...this.#known.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  }
}

async function healthOf(read: () => SubsystemHealth | Promise<SubsystemHealth>): Promise<SubsystemHealth> {
  try {
    return await read()
  } catch (error) {
    return { state: 'down', error: error instanceof Error ? error.message : 'It does not answer.' }
  }
}
