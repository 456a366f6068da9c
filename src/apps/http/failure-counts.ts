import { isIP } from 'node:net'
import type { Clock } from '../../core/clock.ts'

/** Wrong tokens that one address may send in a minute. */
const FAILURES_MAX = 10
const WINDOW_MS = 60_000
/** Addresses whose failures are remembered; the oldest are forgotten first. */
const REMOTES_MAX = 1_000

/** Counts wrong tokens by the address they came from, within bounded memory. */
export class FailureCounts {
  readonly #clock: Clock
  /** Remote → times (monotonic) of its latest failures. */
  readonly #times = new Map<string, number[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long an address has to wait before it may try again; 0 when it may now. */
  waitMs(remote: string): number {
    const times = this.#recent(remoteGroup(remote))
    const [first] = times
    return times.length < FAILURES_MAX || first === undefined
      ? 0
      : first + WINDOW_MS - this.#clock.monotonic()
  }

  count(remote: string): void {
    const group = remoteGroup(remote)
    const times = [...this.#recent(group), this.#clock.monotonic()].slice(-FAILURES_MAX)
    this.#times.delete(group)
    this.#times.set(group, times)
    if (this.#times.size <= REMOTES_MAX) return
    const [oldest] = this.#times.keys()
    if (oldest !== undefined) this.#times.delete(oldest)
  }

  #recent(group: string): number[] {
    const since = this.#clock.monotonic() - WINDOW_MS
    return (this.#times.get(group) ?? []).filter((time) => time > since)
  }
}

/** IPv6 users have whole /64 networks; they count as one. */
function remoteGroup(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = plain.split('::')
  const front = head.split(':')
  if (tail === undefined) return front.slice(0, 4).join(':')
  const back = tail === '' ? [] : tail.split(':')
  const middle = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0')
  return [...front, ...middle, ...back].slice(0, 4).join(':')
}
