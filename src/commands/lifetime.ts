import { InvalidInputError } from '../core/errors.ts'

const DAY_MS = 24 * 3_600_000
const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS } as const
const LIFETIME_MS_MAX = 365 * DAY_MS

/** How people write how long something is good for. */
export const LIFETIME_PATTERN = /^\d{1,6}[smhd]$/

/** `30m`, `12h` or `7d` in milliseconds. @throws InvalidInputError when it is nothing or more than a year. */
export function parseLifetime(text: string): number {
  const unit = text.at(-1) as keyof typeof UNITS_MS
  const lifetimeMs = Number(text.slice(0, -1)) * UNITS_MS[unit]
  if (lifetimeMs > 0 && lifetimeMs <= LIFETIME_MS_MAX) return lifetimeMs
  throw new InvalidInputError({
    what: 'The time',
    reason: 'it must be more than nothing and at most 365d',
  })
}
