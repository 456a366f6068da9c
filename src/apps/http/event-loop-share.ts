import { performance } from 'node:perf_hooks'

/** A function that says which share of the time since it was last asked this thread was at work, from 0 to 1. */
export function eventLoopShare(): () => number {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  }
}
