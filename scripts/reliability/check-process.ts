import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ReliabilityFigure, ReliabilityScale } from '../../test/reliability/reliability-check.ts'

const CHILD_PROGRAM = fileURLToPath(new URL('../run-reliability-check.ts', import.meta.url))
/** After its time is over a program is asked to end, and killed so much later. */
const GRACE_MS = 10_000
/** For a program to say what it is. */
const ABOUT_MS_MAX = 60_000
/** Lines of its output that are shown when it breaks off. */
const OUTPUT_LINES_MAX = 30

/** What a child tells its parent. */
export type ChildMessage =
  | { kind: 'about'; row: string; title: string; goal: string; alone: boolean }
  | { kind: 'missing'; reason: string }
  | { kind: 'progress'; line: string }
  | { kind: 'figure'; figure: ReliabilityFigure; cpuSeconds: number }

/** What a program said of itself. */
export type CheckAbout = Extract<ChildMessage, { kind: 'about' }>

/** How a run ended: with a figure, or without for a reason. */
export interface CheckOutcome {
  figure?: ReliabilityFigure
  /** Processor time that it took, with the processes it started. */
  cpuSeconds?: number
  /** Why it cannot run on this machine. */
  missing?: string
  /** Why it broke off, with the end of what it printed. */
  brokeOff?: string
}

export interface CheckRun {
  file: string
  scale: ReliabilityScale
  seed: number
  /** It is ended when it takes longer. */
  timeMsMax: number
  /** How long it may go on after that, to say what it found. @default 10 s */
  graceMs?: number
  progress: (line: string) => void
}

/** Processes that run now; each is the head of a group of its own, with all that it starts. */
const running = new Set<ChildProcess>()

/** Ends every program with all that it started. For the end of this process. */
export function killAllChecks(): void {
  for (const child of running) killGroup(child)
}

/** Asks a program what it is about, without running it. */
export async function askAbout(file: string): Promise<CheckAbout> {
  let about: CheckAbout | undefined
  const outcome = await runChild([file], { timeMsMax: ABOUT_MS_MAX }, (message) => {
    if (message.kind === 'about') about = message
  })
  if (about === undefined) throw new Error(`${file} does not say what it is: ${outcome}`)
  return about
}

/** Runs one program in a process of its own, and whatever happens comes back with an outcome. */
export async function runCheck({ file, scale, seed, progress, ...times }: CheckRun): Promise<CheckOutcome> {
  const outcome: CheckOutcome = {}
  const ending = await runChild([file, scale, String(seed)], times, (message) => {
    if (message.kind === 'progress') progress(message.line)
    if (message.kind === 'missing') outcome.missing = message.reason
    if (message.kind === 'figure') {
      outcome.figure = message.figure
      outcome.cpuSeconds = message.cpuSeconds
    }
  })
  if (outcome.figure === undefined && outcome.missing === undefined) outcome.brokeOff = ending
  return outcome
}

/** Runs the child to its end and says how it ended. */
function runChild(
  words: readonly string[],
  { timeMsMax, graceMs = GRACE_MS }: { timeMsMax: number; graceMs?: number },
  onMessage: (message: ChildMessage) => void,
): Promise<string> {
  // A group of its own, so that nodes which a check starts end with it.
  const child = fork(CHILD_PROGRAM, [...words], { silent: true, detached: true })
  running.add(child)
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output.push(...text.split('\n').filter((line) => line !== ''))
      output.splice(0, output.length - OUTPUT_LINES_MAX)
    })
  }
  child.on('message', (message) => onMessage(message as ChildMessage))
  let late = ''
  const end = setTimeout(() => {
    late = `took longer than ${Math.round(timeMsMax / 1000)} s; `
    if (child.connected) child.send('end')
    kill = setTimeout(() => killGroup(child), graceMs)
  }, timeMsMax)
  let kill: NodeJS.Timeout | undefined
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(end)
      clearTimeout(kill)
      // Whatever the program left behind.
      killGroup(child)
      running.delete(child)
      resolve([`${late}ended with ${signal ?? code}`, ...output].join('\n'))
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group is gone.
  }
}
