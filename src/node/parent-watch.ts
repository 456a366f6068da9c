import type { Clock, Timer } from '../core/clock.ts'
import { identityOf, isRunning, parentOf } from './process-identity.ts'

/** The variable that names the process which this one must not outlive. It is no setting of a node. */
export const PARENT_PID_VARIABLE = 'KIZUNA_PARENT_PID'
/** One look costs a few microseconds. */
const LOOK_INTERVAL_MS = 500
/** npm, its shell, and at most a wrapper in between. */
const STEPS_UP_MAX = 3

/** What the environment says about who started this process. */
export interface StartedBy {
  /** What `KIZUNA_PARENT_PID` names: a process that wants nothing it started to outlive it. */
  parentPid: number | undefined
  /** The script of this package that npm runs, such as `start`. */
  npmScript: string | undefined
}

/**
 * Calls `gone` once when a process is gone that this one must not outlive: the one that {@link PARENT_PID_VARIABLE} names,
 * or the npm that runs one of `npmScripts` (npm passes signals to a shell, and the shell passes them to nobody).
 * Whoever else started us may go: a node started from a shell or by a supervisor lives on.
 */
export function watchParents(
  clock: Clock,
  startedBy: StartedBy,
  { npmScripts, gone }: { npmScripts: readonly string[]; gone: () => void },
): Timer {
  const followed = parentsToFollow(startedBy, npmScripts).map(identityOf)
  let timer: Timer | undefined
  const look = () => {
    if (followed.every(isRunning)) timer = clock.after(LOOK_INTERVAL_MS, look)
    else gone()
  }
  if (followed.length > 0) timer = clock.after(0, look)
  return { stop: () => timer?.stop() }
}

function parentsToFollow({ parentPid, npmScript }: StartedBy, npmScripts: readonly string[]): number[] {
  if (parentPid !== undefined) return [parentPid]
  if (npmScript === undefined || !npmScripts.includes(npmScript)) return []
  const chain: number[] = []
  let pid = process.ppid
  for (let step = 0; step < STEPS_UP_MAX && pid > 0; step++) {
    chain.push(pid)
    const above = parentOf(pid)
    if (above === undefined) break
    // npm calls itself by the script it runs: “npm run kizuna”.
    if (/^(npm|node)/.test(above.name)) return chain
    pid = above.parentPid
  }
  return [process.ppid]
}
