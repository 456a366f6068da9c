import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'

/** Where, when and of what a figure was taken. */
export interface Machine {
  processor: string
  cores: number
  memoryGib: number
  node: string
  date: string
  commit: string
  /** Work waiting on average over the last minute before the run; above the cores, figures are too low. */
  loadBefore: number
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(1)),
  }
}

export function machineLine(machine: Machine): string {
  const { processor, cores, memoryGib, node, date, commit, loadBefore } = machine
  return `${processor}, ${cores} cores, ${memoryGib} GiB; Node ${node}; ${date}, commit ${commit}; load before ${loadBefore}`
}
