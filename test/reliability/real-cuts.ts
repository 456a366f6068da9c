import { networkLabRefusal } from '../fixtures/network-lab.ts'
import { PartitionedNodes } from '../fixtures/partitioned-nodes.ts'

/** Cuts between processes whose sockets are told nothing. */
export interface RealCuts {
  /** What was reached, in words; also why nothing was tried. */
  figure: string
  failures: string[]
}

/** Cuts one of three real nodes off, `runs` times, each time with new nodes. */
export async function runRealCuts(runs: number, cutMs: number, signal: AbortSignal): Promise<RealCuts> {
  const refusal = networkLabRefusal()
  if (refusal !== undefined) return { figure: `real cuts NOT TRIED: ${refusal}`, failures: [] }
  const failures: string[] = []
  const equalAfter: number[] = []
  let tried = 0
  for (; tried < runs && !signal.aborted; tried++) {
    try {
      await using nodes = new PartitionedNodes('kzr8n')
      await nodes.start()
      equalAfter.push((await nodes.cutAndHeal(cutMs)).equalAfterMs)
    } catch (error) {
      failures.push(`real cut ${tried + 1} of ${cutMs} ms: ${String(error)}`)
    }
  }
  const most =
    equalAfter.length === 0
      ? 'never equal'
      : `equal ${(Math.max(...equalAfter) / 1000).toFixed(1)} s after the heal at most`
  return { figure: `${tried} cuts of ${cutMs / 1000} s between real processes, ${most}`, failures }
}
