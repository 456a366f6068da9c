import { formatBytes } from '../../core/format-bytes.ts'

/** Long counts of bytes within a sentence, for people. */
export function withReadableBytes(text: string): string {
  return text.replaceAll(/\b(\d{4,16}) bytes\b/g, (_whole, bytes: string) => formatBytes(Number(bytes)))
}

/** A span of time for people: `4 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** How long something took, for people: `12 ms`, `1.5 s`, `3 min 2 s`. */
export function formatTook(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(ms)
}

/** A time of ISO 8601 as people read it, in UTC: `2026-11-21 17:05`. */
export function formatMoment(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`
}
