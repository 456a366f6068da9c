import { readWords } from '../../scripts/program-words.ts'
import { keptSeeds } from './kept-seeds.ts'
import { runClocks } from './run-clocks.ts'
import { runPartition } from './run-partition.ts'
import { failureLine, runSimulation } from './run-simulation.ts'

/**
 * `npm run simulate -- --seed 42 [--minutes 5] [--verbose]`, `--seeds 1..500`, `--kept` (the seeds that once failed).
 * `--cut '{"seed":7}'` runs a world of R-08, whose network is cut in two or three.
 * `--clocks 7` one of R-10, where machines' clocks are wrong.
 * Prints one line for each seed that fails and exits with 1; else a summary and 0.
 */
const { values } = readWords(import.meta.filename, {
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    kept: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '5' },
    cut: { type: 'string' },
    clocks: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

if (values.cut !== undefined) {
  const result = await runPartition({ ...JSON.parse(values.cut), onStep: (line) => console.log(line) })
  console.log(
    `state ${result.stateHash}, equal ${result.equalAfterMs} ms after the cut: ${result.failure ?? 'passed'}`,
  )
  process.exit(result.failure === undefined ? 0 : 1)
}
if (values.clocks !== undefined) {
  const seed = readNumber('clocks', values.clocks)
  const result = await runClocks({ seed, onStep: (line) => console.log(line) })
  console.log(`state ${result.stateHash}, ${result.wrong}: ${result.failure ?? 'passed'}`)
  process.exit(result.failure === undefined ? 0 : 1)
}
const minutes = readNumber('minutes', values.minutes)
const nodes = readNumber('nodes', values.nodes)
const worlds = chooseWorlds()
const began = performance.now()
let failed = 0
let virtualMs = 0
let current = worlds[0]

process.on('unhandledRejection', (error) => {
  console.log(
    `seed ${current?.seed} failed: a promise was rejected and nobody listened: ${error} — replay: npm run simulate -- --seed ${current?.seed} --minutes ${current?.minutes} --verbose`,
  )
  process.exit(1)
})

for (const world of worlds) {
  current = world
  const result = await runSimulation({
    ...world,
    ...(values.verbose ? { onStep: (line: string) => console.log(line) } : {}),
  })
  virtualMs += result.virtualMs
  if (result.failure !== undefined) {
    failed++
    console.log(failureLine(result, world))
  } else if (values.verbose || worlds.length === 1) {
    const counts = [...result.outcomes, ...result.faults].map(([what, count]) => `${what} × ${count}`)
    console.log(
      `seed ${world.seed}: state ${result.stateHash}, ${result.acknowledged} objects, ${counts.join(', ')}`,
    )
  }
}
if (failed === 0) {
  const seconds = (performance.now() - began) / 1000
  const hours = virtualMs / 3_600_000
  console.log(`${worlds.length} seeds passed: ${hours.toFixed(1)} simulated hours in ${seconds.toFixed(1)} s`)
}
process.exitCode = failed === 0 ? 0 : 1

/** Kept seeds run as long as they did when they failed. */
function chooseWorlds(): { seed: number; minutes: number; nodes: number }[] {
  if (values.kept) {
    return keptSeeds().map((each) => ({ seed: each.seed, minutes: each.minutes, nodes: each.nodes ?? nodes }))
  }
  if (values.seeds === undefined) return [{ seed: readNumber('seed', values.seed ?? '1'), minutes, nodes }]
  const [from, to] = values.seeds.split('..').map((text) => readNumber('seeds', text))
  if (from === undefined || to === undefined)
    return [{ seed: readNumber('seeds', values.seeds), minutes, nodes }]
  return Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => ({
    seed: from + index,
    minutes,
    nodes,
  }))
}

function readNumber(name: string, text: string | undefined): number {
  const number = Number(text)
  const isFit = name === 'minutes' ? number >= 0 : Number.isInteger(number) && number >= 0
  if (text === undefined || !isFit) {
    console.error(
      `--${name} takes ${name === 'minutes' ? 'a number' : 'whole numbers (and --seeds a range such as 1..100)'}`,
    )
    process.exit(2)
  }
  return number
}
