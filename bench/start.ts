import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KizunaProcess } from '../test/fixtures/kizuna-process.ts'
import type { Reached } from './goals.ts'
import type { Result } from './kept-results.ts'
import { cpuMsOf, milliseconds, quantile } from './latency.ts'
import { describeMachine } from './machine.ts'
import { median } from './rounds.ts'

const CLI = fileURLToPath(new URL('../src/apps/cli/main.ts', import.meta.url))
const ROUNDS = 5
const FLAGS = ['--port', '0', '--no-mdns', '--no-upnp']
/** Commands that need nobody else; so many are given, with a pause behind each. */
const COMMANDS = ['status', 'list', 'peers', 'members'] as const
const ASKED = 200
const PAUSE_MS = 60
const GOALS_MS = { version: 300, ready: 2_000, command: 50 }

interface Figures {
  wall: number[]
  cpu: number[]
}

/**
 * How long a person waits: for `--version`, for a node that is ready, for a command to a node that runs. Programs take
 * turns; bare Node stands beside them, since nothing in it is ours.
 */
export async function measureStart(folder: string): Promise<Result> {
  const machine = describeMachine()
  const bare: Figures = { wall: [], cpu: [] }
  const version: Figures = { wall: [], cpu: [] }
  const help: Figures = { wall: [], cpu: [] }
  const first: Figures = { wall: [], cpu: [] }
  const again: Figures = { wall: [], cpu: [] }
  const commands: number[] = []
  // Not counted: it fills the compile cache, as the first run on a machine does.
  await timeProgram([CLI, 'help'], { wall: [], cpu: [] })
  for (let round = 0; round < ROUNDS; round++) {
    await timeProgram(['-e', '0'], bare)
    await timeProgram([CLI, '--version'], version)
    await timeProgram([CLI, 'help'], help)
    const home = mkdtempSync(join(folder, 'home-'))
    await (await timeNode(home, first)).stop()
    const node = await timeNode(home, again)
    for (let asked = 0; asked < ASKED; asked++) {
      const took = await timeCommand(node, COMMANDS[asked % COMMANDS.length] ?? 'status')
      // The first ones load and compile: the node is not warm before.
      if (asked >= ASKED / 10) commands.push(took)
      // One caller may give so many commands a second; who gives more is told to come back.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    await node.stop()
    rmSync(home, { recursive: true, force: true })
  }
  const p99 = quantile(commands, 0.99)
  const row = (name: string, { wall, cpu }: Figures) => [
    name,
    milliseconds(median(wall)),
    `${milliseconds(Math.min(...wall))} to ${milliseconds(Math.max(...wall))}`,
    milliseconds(median(cpu)),
  ]
  return {
    title: 'Start, and a command on a warm node',
    machine,
    setting: `${ROUNDS} rounds in turn, compile cache warm; a command is one request over HTTP to a node that runs (${COMMANDS.join(', ')}; ${commands.length} in all), with the measuring program on the same machine`,
    standings: [],
    table: {
      head: ['', 'median', 'lowest to highest', 'processor time'],
      rows: [
        row('Node alone', bare),
        row('kizuna --version', version),
        row('kizuna help', help),
        row('node ready, first start', first),
        row('node ready, later start', again),
        ['warm command, half', milliseconds(quantile(commands, 0.5)), '', ''],
        ['warm command, 99 %', milliseconds(p99), '', ''],
      ],
    },
    goals: [
      goal('kizuna --version', '0.3 s', GOALS_MS.version / median(version.wall)),
      goal('node ready, first start', '2 s', GOALS_MS.ready / median(first.wall)),
      goal('warm command, 99 %', '50 ms', GOALS_MS.command / p99),
    ],
  }
}

function goal(ours: string, theirs: string, ratio: number): Reached {
  return { ours, theirs, atLeast: 1, ratio, reached: ratio >= 1 }
}

/** A whole process, from its start to its end. */
async function timeProgram(words: readonly string[], figures: Figures): Promise<void> {
  const begin = performance.now()
  const report =
    'process.on("exit",()=>{const u=process.cpuUsage();process.stderr.write("cpu "+(u.user+u.system)/1e3)})'
  const child = spawn(process.execPath, ['--import', `data:text/javascript,${report}`, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${errors}`)
  figures.wall.push(performance.now() - begin)
  figures.cpu.push(Number(/cpu ([\d.]+)/.exec(errors)?.[1]))
}

/** Until the line that says that it is ready. */
async function timeNode(home: string, figures: Figures): Promise<KizunaProcess> {
  const begin = performance.now()
  const node = await KizunaProcess.start({ home }, FLAGS)
  figures.wall.push(performance.now() - begin)
  figures.cpu.push(cpuMsOf(node.pid))
  return node
}

async function timeCommand(node: KizunaProcess, command: string): Promise<number> {
  const begin = performance.now()
  await node.call(command)
  return performance.now() - begin
}
