import { type ChurnOptions, runChurn } from '../simulation/run-churn.ts'
import type {
  ReliabilityCheck,
  ReliabilityFigure,
  ReliabilityOptions,
  ReliabilityScale,
} from './reliability-check.ts'

type Size = Pick<ChurnOptions, 'nodes' | 'objects' | 'minutes'>

/** How large the community is; the whole goal has 16 GB of shards on 200 nodes and takes hours. */
const SCALES: Record<ReliabilityScale, Size> = {
  gate: { nodes: 24, objects: 6, minutes: 6 },
  night: { nodes: 40, objects: 30, minutes: 20 },
  release: { nodes: 200, objects: 300, minutes: 60 },
}
/** Share of the members that leave in a minute, and the share of reads that must end well. */
const CHURNS = [
  { leavingPerMinute: 0.1, readsMin: 0.999 },
  { leavingPerMinute: 0.3, readsMin: 0.99 },
] as const
const REPAIR_MS_MAX = 120_000
const TRAFFIC_MAX = 1.3
const MIB = 2 ** 20

/** The production content service on virtual nodes of which most return and some never do. */
export const check: ReliabilityCheck = {
  row: 'R-09',
  title:
    'churn: 10 % and 30 % of the members leave in every minute, 70 % of them return within 90 s; objects as rs:8+8, read all the time',
  goal: 'at 10 %/min 99.9 % of reads, at 30 %/min 99 %; 0 objects lost, 0 wrong bytes; median repair ≤ 2 min; copies made, and bytes sent for them, ≤ 1.3 × the shards really lost; every object whole again ≤ 10 min after the churn (24 nodes and 6 min per commit, 40 and 20 a night, 200 and 60 with --release)',
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions): Promise<ReliabilityFigure> {
  const size = SCALES[scale]
  const failures: string[] = []
  const figures: string[] = []
  for (const { leavingPerMinute, readsMin } of CHURNS) {
    if (signal.aborted) {
      failures.push('the time was over')
      break
    }
    const result = await runChurn({ seed, ...size, leavingPerMinute, progress })
    const rate = `${leavingPerMinute * 100} %/min`
    const share = result.readsOk / Math.max(result.reads, 1)
    const made = result.copiedBytes / Math.max(result.lostBytes, 1)
    const sent = result.sentBytes / Math.max(result.lostBytes, 1)
    const { wholeAfterMs } = result
    figures.push(
      `${rate}: ${result.readsOk} of ${result.reads} reads (${(share * 100).toFixed(1)} %), ${result.lost} objects lost, ${result.wrong} wrong, ${result.left} left and ${result.gone} of them for good, median repair ${Math.round(result.repairMsMedian / 1000)} s, copies made ${made.toFixed(2)} × and sent ${sent.toFixed(2)} × the ${Math.round(result.lostBytes / MIB)} MiB lost, ${wholeAfterMs === undefined ? 'never whole again' : `whole ${Math.round(wholeAfterMs / 1000)} s after`}`,
    )
    progress(figures.at(-1) ?? '')
    const say = (what: string) => failures.push(`seed ${seed}, ${rate}: ${what}`)
    if (share < readsMin) say(`${(share * 100).toFixed(2)} % of reads`)
    if (result.lost > 0) say(`${result.lost} objects lost`)
    if (result.wrong > 0) say(`${result.wrong} reads gave wrong bytes`)
    if (result.repairMsMedian > REPAIR_MS_MAX) say(`median repair ${result.repairMsMedian} ms`)
    if (made > TRAFFIC_MAX) say(`copies made ${made.toFixed(2)} × what was lost`)
    if (sent > TRAFFIC_MAX) say(`sent ${sent.toFixed(2)} × what was lost`)
    if (wholeAfterMs === undefined) say('objects were not whole again')
  }
  const { nodes, objects, minutes } = size
  return {
    figure: `${nodes} nodes, ${objects} objects of 2 MiB, ${minutes} min each; ${figures.join('; ')}`,
    reached: failures.length === 0,
    failures,
  }
}
