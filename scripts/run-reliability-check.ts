/**
 * One program of the reliability table in a process of its own; `scripts/reliability.ts` starts it and listens.
 * Ends with everything it started when the parent is gone.
 *
 *   run-reliability-check.ts test/reliability/r-04-hostile-answers.ts [gate 1]
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ReliabilityCheck, ReliabilityScale } from '../test/reliability/reliability-check.ts'
import type { ChildMessage } from './reliability/check-process.ts'

const [file = '', scale, seed = '1'] = process.argv.slice(2)
const abort = new AbortController()

process.on('message', (word) => {
  if (word === 'end') abort.abort(new DOMException('The time for this check is over.', 'TimeoutError'))
})
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'))

const { check } = (await import(pathToFileURL(resolve(file)).href)) as { check: ReliabilityCheck }
const { row, title, goal, alone = false } = check
await tell({ kind: 'about', row, title, goal, alone })

if (scale !== undefined) {
  const reason = check.missing?.()
  if (reason !== undefined) {
    await tell({ kind: 'missing', reason })
  } else {
    const figure = await check.run({
      scale: scale as ReliabilityScale,
      seed: Number(seed),
      signal: abort.signal,
      progress: (line) => void tell({ kind: 'progress', line }),
    })
    await tell({ kind: 'figure', figure, cpuSeconds: cpuSecondsOfAll() })
  }
}
process.exit(0)

/** Processor time of this process and of those it started that have ended; of this one alone where there is no /proc. */
function cpuSecondsOfAll(): number {
  try {
    const afterName = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1) ?? ''
    // The fields utime, stime, cutime and cstime, in hundredths of a second (proc(5)).
    const ticks = afterName.split(' ').slice(11, 15).map(Number)
    return ticks.reduce((sum, each) => sum + each, 0) / 100
  } catch {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
}

/** Sent when the parent has it, so that nothing is lost at the end. */
function tell(message: ChildMessage): Promise<void> {
  return new Promise((done) => process.send?.(message, undefined, {}, () => done()))
}
