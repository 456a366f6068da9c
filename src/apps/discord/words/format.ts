const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** A size for people, in decimal units as file managers of most systems show it. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** Long counts of bytes within a sentence, for people. */
export function withReadableBytes(text: string): string {
  return text.replaceAll(/\b(\d{4,16}) bytes\b/g, (_whole, bytes: string) => formatBytes(Number(bytes)))
}

/** A duration for people: two units at most. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** A moment that Discord shows in the reader's own time zone. */
export function formatMoment(iso: string): string {
  const seconds = Math.floor(Date.parse(iso) / 1000)
  return Number.isFinite(seconds) ? `<t:${seconds}:f>` : iso
}
