import type { BandwidthSettings } from '../network/bandwidth.ts'
import { parseScheduleEntry } from './bandwidth-schedule.ts'
import type { NodeConfig } from './config-schema.ts'

/** What the settings mean for the bandwidth. */
export function bandwidthSettings(config: NodeConfig): Partial<BandwidthSettings> {
  return {
    uploadBytesPerSecond: config.uploadBytesPerSecondMax,
    downloadBytesPerSecond: config.downloadBytesPerSecondMax,
    schedule: config.bandwidthSchedule.flatMap((entry) => {
      const span = parseScheduleEntry(entry)
      if (span === undefined) return []
      const { fromMinute, toMinute, ...limits } = span
      return [{ days: [], fromMinute, toMinute, limits }]
    }),
  }
}
