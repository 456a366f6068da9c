/**
 * Nodes that run for a while as they do in life: somebody shares, somebody else reads, old things are forgotten, and one
 * member is killed and comes back again and again. What the others take more and more of would show here.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KizunaProcess } from '../fixtures/kizuna-process.ts'

const OBJECT_BYTES = 2 ** 20
/** Objects that exist at a time; the oldest is forgotten for a new one. */
const OBJECTS_KEPT = 8
const PAUSE_MS = 250
/** In a short soak more often, so that it has some. */
const RESTART_EVERY_MS = 15_000
const RESTARTS_MIN = 3
const SAMPLE_EVERY_MS = 1_000
/** Of the time, before anything is measured: caches fill, pools grow to their size. */
const WARM_UP_SHARE = 1 / 3
/**
 * The least of each window counts, which is what stays when garbage has been collected: V8 lets its heap grow to twice
 * what it needs, over some 300 transfers, before it looks through all of it, so a window has to be longer than that.
 */
const WINDOWS = 6
const HOUR_MS = 3_600_000

/** Who takes part. */
export interface SoakNodes {
  sharer: KizunaProcess
  reader: KizunaProcess
  /** Kills a third node and starts it again. */
  restart: () => Promise<unknown>
  residentBytes: (node: KizunaProcess) => number
}

/** What a soak showed. */
export interface SoakResult {
  /** The steepest of the nodes that ran all the time, after warming up. */
  bytesPerHour: number
  /** What that is over the time measured. */
  grownBytes: number
  transfers: number
  restarts: number
}

/** Shares, reads, forgets and restarts for so long. @throws when a read gives other bytes or fails. */
export async function soak(nodes: SoakNodes, forMs: number, signal: AbortSignal): Promise<SoakResult> {
  const steady = [nodes.sharer, nodes.reader]
  const samples = steady.map(() => [] as { at: number; bytes: number }[])
  const begin = performance.now()
  const elapsed = () => performance.now() - begin
  const sampler = setInterval(() => {
    for (const [index, node] of steady.entries())
      samples[index]?.push({ at: elapsed(), bytes: nodes.residentBytes(node) })
  }, SAMPLE_EVERY_MS)
  const ids: string[] = []
  let transfers = 0
  let restarts = 0
  const restartEveryMs = Math.min(RESTART_EVERY_MS, forMs / (RESTARTS_MIN + 1))
  let restartAt = restartEveryMs
  try {
    while (elapsed() < forMs && !signal.aborted) {
      const bytes = randomBytes(OBJECT_BYTES)
      const id = await share(nodes.sharer, bytes)
      ids.push(id)
      if (!bytes.equals(await read(nodes.reader, id))) throw new Error('the soak read other bytes')
      transfers++
      if (ids.length > OBJECTS_KEPT)
        await nodes.sharer.call('forget', { id: ids.shift() ?? '', everywhere: true })
      if (elapsed() >= restartAt) {
        await nodes.restart()
        restartAt += restartEveryMs
        restarts++
      }
      await sleep(PAUSE_MS)
    }
  } finally {
    clearInterval(sampler)
  }
  const measuredMs = forMs * (1 - WARM_UP_SHARE)
  const bytesPerHour = Math.max(...samples.map((each) => slopeOf(each, forMs)))
  return { bytesPerHour, grownBytes: (bytesPerHour * measuredMs) / HOUR_MS, transfers, restarts }
}

/** Bytes per hour, by least squares through the least of each window. */
function slopeOf(samples: readonly { at: number; bytes: number }[], forMs: number): number {
  const warmMs = forMs * WARM_UP_SHARE
  const windowMs = (forMs - warmMs) / WINDOWS
  const windows = Map.groupBy(
    samples.filter(({ at }) => at >= warmMs),
    ({ at }) => Math.floor((at - warmMs) / windowMs),
  )
  const points = [...windows.values()].map((window) => window.reduce((a, b) => (b.bytes < a.bytes ? b : a)))
  const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / Math.max(values.length, 1)
  const at = mean(points.map((point) => point.at))
  const bytes = mean(points.map((point) => point.bytes))
  const rise = points.reduce((sum, point) => sum + (point.at - at) * (point.bytes - bytes), 0)
  const run = points.reduce((sum, point) => sum + (point.at - at) ** 2, 0)
  return run === 0 ? 0 : (rise / run) * HOUR_MS
}

async function share(node: KizunaProcess, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { ready } = node
  const response = await fetch(`${ready.api}/v1/share?name=soak&copies=2`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ready.token}`, 'content-type': 'application/octet-stream' },
    body: bytes,
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`sharing was answered with ${response.status}: ${text}`)
  return String((JSON.parse(text) as { id: unknown }).id)
}

async function read(node: KizunaProcess, id: string): Promise<Buffer> {
  const { ready } = node
  const response = await fetch(`${ready.api}/v1/content/${id}`, {
    headers: { authorization: `Bearer ${ready.token}` },
  })
  if (!response.ok) throw new Error(`reading was answered with ${response.status}: ${await response.text()}`)
  return Buffer.from(await response.arrayBuffer())
}
