import type { CommandProgress } from '../../commands/command.ts'
import type { Clock } from '../../core/clock.ts'
import { formatBytes } from '../../core/format-bytes.ts'
import { formatDuration } from './format-numbers.ts'

const BAR_WIDTH = 24
const DRAW_EVERY_MS = 100
/** Without a terminal: a line now and then, so that logs stay readable. */
const LINE_EVERY_MS = 10_000
/** The rate is that of the last seconds, not of the whole. */
const RATE_MEMORY = 0.8

/** Where progress is shown. */
export interface ProgressOutput {
  isTTY: boolean
  columns?: number
  write(text: string): unknown
}

/** Shows how far something long has come, with its rate and the time left; on a terminal as one moving line. */
export class ProgressBar {
  readonly #clock: Clock
  readonly #output: ProgressOutput
  #phase = ''
  #drawnAt: number | undefined
  #measuredAt = 0
  #measuredDone = 0
  #rate: number | undefined
  #visible = false

  constructor(clock: Clock, output: ProgressOutput) {
    this.#clock = clock
    this.#output = output
  }

  /** Takes a step; draws when the last drawing is old enough. */
  update(progress: CommandProgress): void {
    const now = this.#clock.monotonic()
    if (progress.phase !== this.#phase) this.#begin(progress, now)
    const every = this.#output.isTTY ? DRAW_EVERY_MS : LINE_EVERY_MS
    if (this.#drawnAt !== undefined && now - this.#drawnAt < every) return
    this.#measure(progress, now)
    this.#drawnAt = now
    const line = this.#line(progress)
    if (!this.#output.isTTY) {
      this.#output.write(`${line}\n`)
      return
    }
    this.#output.write(`\r\u001b[2K${line.slice(0, (this.#output.columns ?? 80) - 1)}`)
    this.#visible = true
  }

  /** Takes the moving line away. */
  clear(): void {
    if (this.#visible) this.#output.write('\r\u001b[2K')
    this.#visible = false
  }

  #begin(progress: CommandProgress, now: number): void {
    this.#phase = progress.phase
    this.#rate = undefined
    this.#measuredAt = now
    this.#measuredDone = progress.done
    // Without a terminal short phases leave no line.
    this.#drawnAt = this.#output.isTTY ? undefined : now
  }

  #measure(progress: CommandProgress, now: number): void {
    const seconds = (now - this.#measuredAt) / 1000
    if (seconds <= 0) return
    const rate = Math.max(progress.done - this.#measuredDone, 0) / seconds
    this.#rate = this.#rate === undefined ? rate : this.#rate * RATE_MEMORY + rate * (1 - RATE_MEMORY)
    this.#measuredAt = now
    this.#measuredDone = progress.done
  }

  #line({ phase, done, total, unit, peers }: CommandProgress): string {
    const amount = (count: number) => (unit === 'bytes' ? formatBytes(count) : `${count} ${unit}`)
    const parts = [phase.padEnd(10)]
    if (total !== undefined && total > 0) {
      const part = Math.min(done / total, 1)
      const filled = Math.round(part * BAR_WIDTH)
      parts.push(`[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`)
      parts.push(`${Math.floor(part * 100)} %`.padStart(5))
      parts.push(`${amount(done)} of ${amount(total)}`)
    } else if (done > 0) parts.push(amount(done))
    if (this.#rate !== undefined && this.#rate > 0 && unit === 'bytes') {
      parts.push(`${formatBytes(this.#rate)}/s`)
      if (total !== undefined && total > done) {
        parts.push(`${formatDuration(((total - done) / this.#rate) * 1000)} left`)
      }
    }
    if (peers !== undefined && peers > 0) parts.push(`from ${peers} ${peers === 1 ? 'peer' : 'peers'}`)
    return parts.join('  ')
  }
}
