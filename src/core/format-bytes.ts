const KIB = 1024
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Bytes for people: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < KIB) return `${Math.round(bytes)} B`
  let value = bytes
  let unit = -1
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB
    unit++
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit]}`
}
