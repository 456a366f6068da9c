import { cpus } from 'node:os'
import type { Clock } from '../core/clock.ts'

/** A measurement over less time says nothing, one over more is of the past. */
const OVER_MS_MIN = 500
const OVER_MS_MAX = 10_000

interface Reading {
  at: number
  busy: number
  total: number
}

/** How busy the processors of this machine are, measured between one asking and the next. */
export class MachineLoad {
  readonly #clock: Clock
  readonly #read: () => { busy: number; total: number }
  #last: Reading
  #percent = 0

  /** @param read milliseconds that all cores together were busy, and were there, since the machine started. */
  constructor(clock: Clock, read = readCores) {
    this.#clock = clock
    this.#read = read
    this.#last = { at: clock.monotonic(), ...read() }
  }

  /** 0 to 100, over the time since it was asked before, at least half a second. */
  percent(): number {
    const now = this.#clock.monotonic()
    if (now - this.#last.at < OVER_MS_MIN) return this.#percent
    const { busy, total } = this.#read()
    const passed = total - this.#last.total
    // Of a long time, the mean says little about now: it is a start for the next asking.
    const isRecent = now - this.#last.at <= OVER_MS_MAX
    if (passed > 0)
      this.#percent = Math.round(
        Math.min(100, (100 * (busy - this.#last.busy)) / passed) * (isRecent ? 1 : 0.5),
      )
    this.#last = { at: now, busy, total }
    return this.#percent
  }
}

function readCores(): { busy: number; total: number } {
  let busy = 0
  let total = 0
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq
    total += all
    busy += all - times.idle
  }
  return { busy, total }
}
