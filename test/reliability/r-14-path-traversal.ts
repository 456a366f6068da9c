/**
 * R-14. A process puts hostile names into every door behind which files are touched, in a small world of its own with
 * sentinel files around its root, while another swaps folders for links to the outside. Judged by what came of the world
 * and by the system calls (strace, where it is installed), not by what the process says alone.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const CHILD = fileURLToPath(new URL('path-doors-child.ts', import.meta.url))
const SWAPPER = fileURLToPath(new URL('path-swapper.ts', import.meta.url))
/** Nothing here is about what survives a power cut; syncing a real disk would take most of the time. */
const MEMORY_FOLDER = '/dev/shm'
const PAYLOADS = { gate: 620, night: 3_000, release: 20_000 }
const RACES = { gate: 60, night: 600, release: 5_000 }

interface Told {
  payloads: number
  attempts: number
  races: { refused: number; passed: number }
  failures: string[]
}

export const check: ReliabilityCheck = {
  row: 'R-14',
  title: 'Hostile names in every path, header, listing and record; folders swapped for links',
  goal: '≥ 500 payloads: 0 bytes read or written outside the root, 0 collisions that overwrite',
  async run(options) {
    const world = realpathSync(
      mkdtempSync(join(existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), 'kizuna-r-14-')),
    )
    try {
      return await watch(world, options)
    } finally {
      rmSync(world, { recursive: true, force: true })
    }
  },
}

async function watch(world: string, { scale, seed, signal, progress }: ReliabilityOptions) {
  const outside = layOut(world)
  const before = stateOf(outside)
  const trace = join(world, 'trace')
  const hasStrace = spawnSync('strace', ['-V']).status === 0
  const words = [CHILD, world, String(PAYLOADS[scale]), String(seed), String(RACES[scale])]
  const strace = [
    '-f',
    '-y',
    '--seccomp-bpf',
    '-s',
    '4096',
    '-e',
    'trace=%file',
    '-o',
    trace,
    process.execPath,
  ]
  const swapper = spawn(process.execPath, [SWAPPER, world], { stdio: ['pipe', 'ignore', 'inherit'] })
  progress(`${PAYLOADS[scale]} payloads${hasStrace ? ', watched by strace' : ''}`)
  let told: Told
  try {
    told = await ask(
      hasStrace ? 'strace' : process.execPath,
      hasStrace ? [...strace, ...words] : words,
      signal,
    )
  } finally {
    swapper.kill('SIGKILL')
  }
  const failures = [...told.failures]
  const after = stateOf(outside)
  if (after !== before) failures.push('the files around the root are not what they were')
  const calls = hasStrace ? await callsOutside(trace, outside) : { seen: 0, outside: [] }
  failures.push(...calls.outside.slice(0, 20))
  const { payloads, attempts, races } = told
  return {
    figure:
      `${payloads} payloads, ${attempts} attempts, ${races.passed + races.refused} races with links (${races.refused} refused): ` +
      `${calls.outside.length} of ${hasStrace ? `${calls.seen} system calls` : 'unwatched calls'} reached outside, ${told.failures.length} failures`,
    reached: failures.length === 0 && payloads >= 500,
    failures: failures.map((failure) => `${failure} (seed ${seed})`),
  }
}

/** The root, what lies around it, and a folder to share whose inside will be swapped. */
function layOut(world: string): string {
  const outside = join(world, 'outside')
  for (const folder of ['outside/deep', 'outside/etc', 'root/races/raced/a', 'root/data', 'root/api'])
    mkdirSync(join(world, folder), { recursive: true })
  for (const file of [
    'outside/sentinel.txt',
    'outside/deep/x.bin',
    'outside/deep/y.bin',
    'outside/etc/passwd',
  ])
    writeFileSync(join(world, file), 'sentinel-6f1d')
  for (const file of ['a/x.bin', 'a/y.bin', 'top.bin'].map((name) => `root/races/raced/${name}`))
    writeFileSync(join(world, file), 'inside')
  return outside
}

/** Names, contents, sizes and times of change of everything outside. */
function stateOf(folder: string): string {
  const state = createHash('sha256')
  for (const path of globSync(join(folder, '**')).sort()) {
    const facts = statSync(path)
    state.update(`${path} ${facts.size} ${facts.mtimeMs} ${facts.ino} `)
    if (facts.isFile()) state.update(readFileSync(path))
  }
  return state.digest('hex')
}

/**
 * System calls that succeeded and touched something outside: by the name they were given, or by what the descriptor that
 * came back stands for. Looking at a link itself, or finding nothing, touches nothing.
 */
async function callsOutside(trace: string, outside: string): Promise<{ seen: number; outside: string[] }> {
  const found: string[] = []
  let seen = 0
  for await (const line of createInterface({ input: createReadStream(trace) })) {
    seen++
    if (!line.includes(outside) || / = -1 E/.test(line)) continue
    if (/\bp?readlink(at)?\(|\blstat\(|AT_SYMLINK_NOFOLLOW|execve\(/.test(line)) continue
    found.push(`touched outside: ${line.slice(0, 300)}`)
  }
  return { seen, outside: found }
}

function ask(command: string, words: string[], signal: AbortSignal): Promise<Told> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' })
    let output = ''
    let errors = ''
    child.stdout.on('data', (piece) => {
      output += piece
    })
    child.stderr.on('data', (piece) => {
      errors = (errors + piece).slice(-4_000)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const last = output.trim().split('\n').at(-1) ?? ''
      if (code === 0 && last.startsWith('{')) resolve(JSON.parse(last) as Told)
      else reject(new Error(`the watched process ended with ${code}: ${errors}`))
    })
  })
}
