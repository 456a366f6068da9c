import type { MemberView } from '../../src/content/community.ts'
import type { DurabilityPolicy } from '../../src/content/content.ts'
import { type ContentId, contentIdOf } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import { MemoryNetworkHub } from '../../src/network/memory-network.ts'
import { ChurnNode, type ChurnWorld } from './churn-node.ts'

export interface ChurnOptions {
  seed: number
  nodes: number
  objects: number
  /** Virtual minutes of churn. */
  minutes: number
  /** Share of the members that leave in a minute. */
  leavingPerMinute: number
  progress?: (line: string) => void
}

export interface ChurnResult {
  reads: number
  readsOk: number
  /** Reads that gave other bytes than were published. */
  wrong: number
  /** Objects of which too few shards were left on all disks that were not lost for good. */
  lost: number
  left: number
  gone: number
  /** From a member’s last moment to the copy that stands for one of its own. */
  repairMsMedian: number
  /** Bytes of shards and manifests that went with those who did not return. */
  lostBytes: number
  /** Bytes of copies made anew. */
  copiedBytes: number
  virtualMs: number
}

const POLICY: DurabilityPolicy = { kind: 'rs', k: 8, m: 8 }
/** Eight chunks of 256 KiB, the last one short: one whole stripe. */
const OBJECT_BYTES = 7 * 262_144 + 10_000
const RETURN_SHARE = 0.7
/** Who returns does so within these times: a restart, a lid, a router. The grace of repair is 90 s. */
const AWAY_MS = [5_000, 90_000] as const
/** Others notice so soon who is here and who is not, and what they keep. */
const VIEW_MS = 5_000
const READS_PER_MINUTE = 30
const LOOK_EVERY_MS = 5_000
/** Before anybody leaves. */
const QUIET_START_MS = 30_000

interface Published {
  id: ContentId
  hash: ContentId
  chunks: readonly ContentId[]
}

/** Members come and go, most return; objects are read all the time and repaired by whoever is there. */
export async function runChurn(options: ChurnOptions): Promise<ChurnResult> {
  const random = new SeededRandom(options.seed)
  const clock = new VirtualClock()
  const hub = new MemoryNetworkHub(
    { clock, random: new SeededRandom(random.integer(2 ** 31)) },
    { delayMs: 5 },
  )
  const listeners = new Set<() => void>()
  const nodes: ChurnNode[] = []
  let views: readonly MemberView[] = []
  const world: ChurnWorld = {
    clock,
    hub,
    views: () => views,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const look = () => {
    // Nobody knows of those who left whether they will return.
    views = nodes.map((node) => node.view())
    for (const listener of [...listeners]) listener()
    clock.after(VIEW_MS, look)
  }
  const come = async () => {
    const node = new ChurnNode(world, random.integer(2 ** 31))
    nodes.push(node)
    await node.start(nodes)
  }
  for (let index = 0; index < options.nodes; index++) await come()
  look()
  await clock.advance(1_000)

  const published: Published[] = []
  for (let index = 0; index < options.objects; index++) {
    published.push(
      await passing(clock, publish(nodes[index % nodes.length] as ChurnNode, random.bytes(OBJECT_BYTES))),
    )
  }
  await clock.advance(QUIET_START_MS)
  options.progress?.(`${published.length} objects on ${nodes.length} nodes`)

  const result: ChurnResult = {
    reads: 0,
    readsOk: 0,
    wrong: 0,
    lost: 0,
    left: 0,
    gone: 0,
    repairMsMedian: 0,
    lostBytes: 0,
    copiedBytes: 0,
    virtualMs: 0,
  }
  const repairs: number[] = []
  /** Chunk → when copies of it went for good, until others were made for them. */
  const missing = new Map<ContentId, number[]>()
  const countedBefore = new Map<ContentId, number>()
  const running = new Set<Promise<void>>()
  const endAt = clock.monotonic() + options.minutes * 60_000
  let leaveDebt = 0
  let readDebt = 0
  while (clock.monotonic() < endAt) {
    await clock.advance(LOOK_EVERY_MS)
    const share = LOOK_EVERY_MS / 60_000
    const up = nodes.filter((node) => node.isUp)
    leaveDebt += options.nodes * options.leavingPerMinute * share
    for (; leaveDebt >= 1 && up.length > 1; leaveDebt--) {
      const [node] = up.splice(random.integer(up.length), 1)
      if (node === undefined) break
      result.left++
      const kept = node.kept()
      node.leave()
      if (random.fraction() < RETURN_SHARE) {
        clock.after(AWAY_MS[0] + random.integer(AWAY_MS[1] - AWAY_MS[0]), () => void node.start(nodes))
        continue
      }
      node.isGone = true
      result.gone++
      for (const id of kept) {
        result.lostBytes += (await node.chunks.sizeOf(id)) ?? 0
        missing.set(id, [...(missing.get(id) ?? []), clock.monotonic()])
        countedBefore.set(id, (countedBefore.get(id) ?? 1) - 1)
      }
      clock.after(random.integer(60_000), () => void come())
    }
    result.copiedBytes += await noteCopies(nodes, missing, countedBefore, repairs, clock.monotonic())
    readDebt += READS_PER_MINUTE * share
    for (; readDebt >= 1; readDebt--) {
      const object = published[random.integer(published.length)]
      const reader = up[random.integer(up.length)]
      if (object === undefined || reader?.isUp !== true) continue
      const read = readOnce(reader, object, result).finally(() => running.delete(read))
      running.add(read)
    }
  }
  await passing(clock, Promise.all(running))
  for (const { id, chunks } of published) {
    const here = nodes.filter(({ isGone }) => !isGone)
    const counts = await Promise.all(
      chunks.map(async (chunk) =>
        (await Promise.all(here.map((node) => node.chunks.has(chunk)))).some(Boolean),
      ),
    )
    const manifest = (await Promise.all(here.map((node) => node.chunks.has(id)))).some(Boolean)
    if (!manifest || counts.filter(Boolean).length < 8) result.lost++
  }
  for (const node of nodes) if (node.isUp) node.leave()
  repairs.sort((a, b) => a - b)
  result.repairMsMedian = repairs[repairs.length >> 1] ?? 0
  result.virtualMs = clock.monotonic()
  return result
}

/** Notes the copies made since the last look, and which of those that went for good they stand for. */
async function noteCopies(
  nodes: readonly ChurnNode[],
  missing: Map<ContentId, number[]>,
  countedBefore: Map<ContentId, number>,
  repairs: number[],
  now: number,
): Promise<number> {
  const counts = new Map<ContentId, { count: number; holder: ChurnNode }>()
  for (const node of nodes) {
    // Who is away and will return has its copies still.
    if (node.isGone) continue
    for (const id of node.kept()) counts.set(id, { count: (counts.get(id)?.count ?? 0) + 1, holder: node })
  }
  let copiedBytes = 0
  for (const [id, { count, holder }] of counts) {
    const before = countedBefore.get(id) ?? count
    countedBefore.set(id, count)
    if (count <= before) continue
    copiedBytes += (count - before) * ((await holder.chunks.sizeOf(id)) ?? 0)
    const lacks = missing.get(id) ?? []
    repairs.push(...lacks.splice(0, count - before).map((since) => now - since))
    if (lacks.length === 0) missing.delete(id)
  }
  return copiedBytes
}

async function publish(node: ChurnNode, bytes: Uint8Array): Promise<Published> {
  const source = async function* () {
    for (let offset = 0; offset < bytes.byteLength; offset += 65_536)
      yield bytes.subarray(offset, offset + 65_536)
  }
  const before = node.kept()
  const { id } = (await node.content?.publish(source(), { policy: POLICY })) ?? never()
  const chunks = [...node.kept()].filter((chunk) => !before.has(chunk) && chunk !== id)
  return { id, hash: contentIdOf(bytes), chunks }
}

async function readOnce(node: ChurnNode, object: Published, result: ChurnResult): Promise<void> {
  try {
    const { bytes } = (await node.content?.retrieve(object.id)) ?? never()
    const pieces = await Array.fromAsync(bytes)
    result.reads++
    if (contentIdOf(Buffer.concat(pieces)) === object.hash) result.readsOk++
    else result.wrong++
  } catch (error) {
    if (!isKizunaError(error) || error.code === 'INTERNAL') throw error
    // Nobody is left to hear it when the reader itself has gone.
    if (node.isUp) result.reads++
  }
}

/** The result, with time passing until it is there. */
async function passing<Result>(clock: VirtualClock, work: Promise<Result>): Promise<Result> {
  let isOver = false
  const over = work.then(
    () => {},
    () => {},
  )
  void over.then(() => {
    isOver = true
  })
  for (let step = 0; !isOver && step < 60_000; step++) await clock.advance(Math.min(step, 100))
  return work
}

function never(): never {
  throw new Error('the node is up')
}
