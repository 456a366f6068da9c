import { readFileSync } from 'node:fs'

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  pid: number
  /** When it started, in the system's own terms; empty where the system does not tell (all but Linux). */
  started: string
}

/** Who has this process id now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? '' }
}

/** Whether that very process still runs. One that ended and was not collected by its parent does not. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = statOf(pid)
  if (now === undefined) return true
  return now.state !== 'Z' && (started === '' || started === now.started)
}

/** The id of a process's parent and the process's name; undefined where the system does not tell. */
export function parentOf(pid: number): { parentPid: number; name: string } | undefined {
  const stat = statOf(pid)
  return stat === undefined ? undefined : { parentPid: stat.parentPid, name: stat.name }
}

interface Stat {
  name: string
  state: string
  parentPid: number
  started: string
}

/** proc(5): the name stands in brackets and may hold anything; states and numbers follow it. */
function statOf(pid: number): Stat | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const nameEnd = line.lastIndexOf(')')
    const fields = line.slice(nameEnd + 2).split(' ')
    return {
      name: line.slice(line.indexOf('(') + 1, nameEnd),
      state: fields[0] ?? '',
      parentPid: Number(fields[1]),
      started: fields[19] ?? '',
    }
  } catch {
    return undefined
  }
}
