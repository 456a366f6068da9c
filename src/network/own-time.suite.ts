import { readFileSync } from 'node:fs'

/**
 * Begins to measure; the result says how many milliseconds have passed since, without those in which this process was
 * ready to go on and other programs had the processor. What must come about within some time is measured so, or tests
 * fail wherever the machine is busy. Where the system does not tell (it is Linux that does), all time counts.
 */
export function ownTime(): () => number {
  const begin = performance.now()
  const waitedBefore = waitedForProcessorMs()
  return () => performance.now() - begin - (waitedForProcessorMs() - waitedBefore)
}

function waitedForProcessorMs(): number {
  try {
    // Nanoseconds on a processor, nanoseconds waiting for one, and how often.
    const [, waited] = readFileSync('/proc/self/schedstat', 'utf8').split(' ')
    return Number(waited ?? 0) / 1e6
  } catch {
    return 0
  }
}
