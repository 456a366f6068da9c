import { z } from 'zod'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1000,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1024 ** 2,
  g: 1e9,
  gb: 1e9,
  gib: 1024 ** 3,
  t: 1e12,
  tb: 1e12,
  tib: 1024 ** 4,
}
const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
/** A list in the environment is one text; longer ones are refused before they are split. */
const LIST_TEXT_LENGTH_MAX = 64 * 1024

/**
 * The value kinds of the configuration. Each takes its own type and also text, because the same key
 * may come from a flag, an environment variable or `config.json`.
 */
export const value = {
  /** Free text. */
  text: () => z.string().trim().max(4096),
  /** `true/false`, `yes/no`, `on/off`, `1/0`. */
  flag: () => z.preprocess(readFlag, z.boolean('must be true or false')).meta({ form: 'true or false' }),
  /** A whole number within limits. */
  count: (minimum: number, maximum: number) =>
    z
      .preprocess(
        readNumber,
        z
          .int('must be a whole number')
          .min(minimum, `must be at least ${minimum}`)
          .max(maximum, `must be at most ${maximum}`),
      )
      .meta({ form: `${minimum} to ${maximum}` }),
  /** Bytes, such as `1048576`, `500MB` or `10GiB`; 0 has the meaning the key gives it. */
  bytes: () =>
    z
      .preprocess(
        (raw) => readWithUnit(raw, UNITS),
        z.int('must be a size such as 500MB or 10GiB').min(0, 'must not be negative'),
      )
      .meta({ form: 'size such as 500MB or 10GiB' }),
  /** Milliseconds, such as `30000`, `30s` or `15min`. */
  duration: (minimumMs: number, maximumMs: number) =>
    z
      .preprocess(
        (raw) => readWithUnit(raw, DURATION_UNITS_MS),
        z
          .int('must be a time such as 500ms, 30s, 15min or 2h')
          .min(minimumMs, `must be at least ${minimumMs} ms`)
          .max(maximumMs, `must be at most ${maximumMs} ms`),
      )
      .meta({ form: 'time such as 30s or 15min' }),
  /** One of a few words. */
  choice: <const Word extends string>(...words: [Word, ...Word[]]) =>
    z.enum(words, `must be one of ${words.join(', ')}`).meta({ form: words.join(', ') }),
  /** Several texts: an array, or one text with commas. */
  list: (countMax: number) =>
    z
      .preprocess(
        readList,
        z.array(z.string().trim().min(1).max(1024)).max(countMax, `must have at most ${countMax} entries`),
      )
      .meta({ form: 'list, separated by commas' }),
}

function readFlag(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw
  const word = raw.trim().toLowerCase()
  if (['true', 'yes', 'on', '1'].includes(word)) return true
  if (['false', 'no', 'off', '0'].includes(word)) return false
  return raw
}

function readNumber(raw: unknown): unknown {
  return typeof raw === 'string' && /^-?\d{1,15}$/.test(raw.trim()) ? Number(raw) : raw
}

function readWithUnit(raw: unknown, units: Readonly<Record<string, number>>): unknown {
  if (typeof raw !== 'string') return raw
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})$/i.exec(raw.trim())
  const unit = units[(match?.[2] ?? '').toLowerCase()]
  return match === null || unit === undefined ? raw : Math.round(Number(match[1]) * unit)
}

function readList(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw
  if (raw.length > LIST_TEXT_LENGTH_MAX) return undefined
  return raw
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
