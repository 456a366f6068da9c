import type { MemberView } from '../../src/content/community.ts'
import { matchShards } from '../../src/content/match-shards.ts'
import { MANIFEST_COPIES_MIN } from '../../src/content/plan-copies.ts'
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
  /** Bytes of the shards by which objects were poorer when members had left for good; not what was there twice. */
  lostBytes: number
  /** Bytes of copies made anew, until nothing lacked any more after the churn. */
  copiedBytes: number
  /** Bytes that repair sent or had fetched, copies that turned out to be there already among them. */
  sentBytes: number
  /** From the end of the churn until every object had its shards again; undefined when it never had. */
  wholeAfterMs: number | undefined
  virtualMs: number
}

const POLICY = { kind: 'rs', k: 8, m: 8 } as const
const SHARD_BYTES = 262_144
/** Eight chunks of 256 KiB, the last one short: one whole stripe. */
const OBJECT_BYTES = 7 * SHARD_BYTES + 10_000
/** With its eight shards of parity, which are whole. */
const SHARD_BYTES_MEAN = (OBJECT_BYTES + POLICY.m * SHARD_BYTES) / (POLICY.k + POLICY.m)
const RETURN_SHARE = 0.7
/** Who returns does so within these times: a restart, a lid, a router. The grace of repair is 90 s. */
const AWAY_MS = [5_000, 90_000] as const
/** Others notice so soon who is here and who is not, and what they keep. */
const VIEW_MS = 5_000
const READS_PER_MINUTE = 30
const LOOK_EVERY_MS = 5_000
/** Before anybody leaves, every object has its copies; so it is again a while after the last has left. */
const WHOLE_MS_MAX = 10 * 60_000

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
    sentBytes: 0,
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
    for (const other of nodes) await other.hearOf(node)
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
  if ((await untilWhole(clock, nodes, published)) === undefined) throw new Error('objects were never whole')
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
    sentBytes: 0,
    wholeAfterMs: undefined,
    virtualMs: 0,
  }
  const sentBefore = world.sentBytes
  const repairs: number[] = []
  /** Chunk → when copies of it went for good, until others were made for them. */
  const missing = new Map<ContentId, number[]>()
  const countedBefore = new Map<ContentId, number>()
  await noteCopies(nodes, missing, countedBefore, repairs, clock.monotonic())
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
      const before = published.map(({ chunks }) => matchedOf(chunks, nodes))
      node.isGone = true
      result.gone++
      for (const [index, { chunks }] of published.entries())
        result.lostBytes += ((before[index] ?? 0) - matchedOf(chunks, nodes)) * SHARD_BYTES_MEAN
      for (const id of kept) {
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
  // What was lost in the last minutes is repaired, too, or a short run would show repair cheaper than it is.
  result.wholeAfterMs = await untilWhole(clock, nodes, published, async () => {
    result.copiedBytes += await noteCopies(nodes, missing, countedBefore, repairs, clock.monotonic())
  })
  result.sentBytes = world.sentBytes - sentBefore
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

/** How many of an object's shards are with a member of their own that is here or will return. */
function matchedOf(chunks: readonly ContentId[], nodes: readonly ChurnNode[]): number {
  const here = nodes.filter(({ isGone }) => !isGone)
  const holders = chunks.map((id) => here.filter((node) => node.kept().has(id)).map(({ peer }) => peer))
  return matchShards(holders).filter((peer) => peer !== undefined).length
}

/** How long it takes until every object has its manifest three times and each shard with a member of its own. */
async function untilWhole(
  clock: VirtualClock,
  nodes: readonly ChurnNode[],
  published: readonly Published[],
  meanwhile: () => Promise<void> = async () => {},
): Promise<number | undefined> {
  const begin = clock.monotonic()
  while (clock.monotonic() - begin < WHOLE_MS_MAX) {
    await clock.advance(LOOK_EVERY_MS)
    await meanwhile()
    const here = nodes.filter(({ isUp }) => isUp)
    const holdersOf = (id: ContentId) => here.filter((node) => node.kept().has(id)).map(({ peer }) => peer)
    const isWhole = published.every(
      ({ id, chunks }) =>
        holdersOf(id).length >= MANIFEST_COPIES_MIN &&
        !matchShards(chunks.map(holdersOf)).includes(undefined),
    )
    if (isWhole) return clock.monotonic() - begin
  }
  return undefined
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
