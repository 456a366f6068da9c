/** A span of the day with limits of its own; minutes since local midnight, bytes per second (0 unlimited). */
export interface ScheduleEntry {
  fromMinute: number
  toMinute: number
  uploadBytesPerSecond: number
  downloadBytesPerSecond: number
}

/** One entry of `bandwidthSchedule`; undefined when it cannot be read. */
export function parseScheduleEntry(entry: string): ScheduleEntry | undefined {
  const match = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})=(\d{1,15})\/(\d{1,15})$/.exec(entry)
  if (match === null) return undefined
  const [fromHour, fromRest, toHour, toRest, up, down] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (fromHour > 23 || toHour > 23 || fromRest > 59 || toRest > 59) return undefined
  return {
    fromMinute: fromHour * 60 + fromRest,
    toMinute: toHour * 60 + toRest,
    uploadBytesPerSecond: up,
    downloadBytesPerSecond: down,
  }
}
