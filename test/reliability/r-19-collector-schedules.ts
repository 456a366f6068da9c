/**
 * the garbage collector beside everything that refers to chunks. Publishers, fetchers, repairers, readers and
 * people who let go work at the same time on few objects, while collections and evictions run; a seed decides at
 * every call of the disk who goes on. A truth of its own says at each moment what is referred to: nothing of that
 * may be taken, and when all is quiet the garbage is gone after the grace and one more collection.
 */
import { type ContentId, contentIdOf } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { type Random, SeededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import { ChunkCache } from '../../src/storage/chunk-cache.ts'
import { ChunkLeases } from '../../src/storage/chunk-leases.ts'
import type { ChunkStore } from '../../src/storage/chunk-store.ts'
import type { Disk } from '../../src/storage/disk.ts'
import { openFileChunkStore } from '../../src/storage/file-chunk-store.ts'
import { createCollectedChunkStore, GarbageCollector } from '../../src/storage/garbage-collector.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { Pins } from '../../src/storage/pins.ts'
import type { ReliabilityCheck } from './reliability-check.ts'

const COUNTS = { gate: 300, night: 10_000, release: 20_000 } as const
const GRACE_MS = 1_000
const CACHE_BYTES_MAX = 60_000
/** Objects share chunks, as versions of a folder do. */
const OBJECTS = 5
const CHUNKS_PER_OBJECT = 4
const OWNERS = ['self', 'space'] as const
const CHUNKS = [60, 900, 9_000, 16_384, 17_000, 24_000, 200, 5_000, 30_000].map((sizeBytes, place) => {
  const bytes = new SeededRandom(place).bytes(sizeBytes)
  return { id: contentIdOf(bytes), bytes }
})
/** Tasks of a schedule, and collections beside them. */
const TASKS = 12
const COLLECTIONS = 3
/** Microtasks that a call of the disk may take. */
const TURNS_MAX = 12

/** Breaks in the rules of storage that the schedules must notice; for the check of the check. */
const PLANTED = {
  'publishes without a lease': { leaseless: true },
  'the collector does not look again before it deletes': { stale: true },
  'the lease ends before the pin is made': { early: true },
} as const
type Planted = { leaseless?: boolean; stale?: boolean; early?: boolean }
const SCHEDULES_PER_BUG = 4_000

export const check: ReliabilityCheck = {
  row: 'R-19',
  title: 'garbage collector under interleaved schedules',
  goal: '10,000 schedules: 0 referenced chunks removed; garbage gone within the grace and one cycle',
  async run({ scale, seed, signal, progress }) {
    const failures: string[] = []
    let collected = 0
    let spared = 0
    for (let number = 0; number < COUNTS[scale]; number++) {
      signal.throwIfAborted()
      const schedule = await runSchedule(seed * 1_000_003 + number, {})
      collected += schedule.collected
      spared += schedule.spared
      failures.push(...schedule.wrong.map((one) => `seed ${seed} schedule ${number}: ${one}`))
      if (number % 1_000 === 999) progress(`${number + 1} schedules, ${failures.length} failures`)
    }
    const needed: string[] = []
    for (const [name, bug] of Object.entries(PLANTED)) {
      let schedules = 1
      while (schedules <= SCHEDULES_PER_BUG && (await runSchedule(seed + schedules, bug)).wrong.length === 0)
        schedules++
      if (schedules > SCHEDULES_PER_BUG) failures.push(`seed ${seed}: planted and not found: ${name}`)
      else needed.push(`${schedules}`)
    }
    return {
      figure:
        `${COUNTS[scale].toLocaleString('en')} schedules: ${failures.length} failures, ${collected} chunks collected, ` +
        `${spared} spared at the last moment; 3 planted bugs found after ${needed.join(', ')} schedules`,
      reached: failures.length === 0,
      failures: failures.slice(0, 20),
    }
  },
}

interface World {
  random: Random
  clock: VirtualClock
  chunks: ChunkStore
  pins: Pins
  leases: ChunkLeases
  collector: GarbageCollector
  cache: ChunkCache
  bug: Planted
  /** Who relies on a chunk at this moment: pinned or being worked with. */
  truth: { pinned: Map<string, Set<ContentId>>; used: Map<ContentId, number> }
  wrong: string[]
  counts: { collected: number; spared: number }
}

async function runSchedule(
  seed: number,
  bug: Planted,
): Promise<{ wrong: string[]; collected: number; spared: number }> {
  const world = await createWorld(seed, bug)
  const { random, clock, collector, wrong, counts } = world
  // Some garbage is due from the beginning, so that what is published anew meets its own old chunks.
  for (const { id, bytes } of CHUNKS) if (random.integer(2) === 0) await world.chunks.put(id, bytes)
  await collector.collect()
  await clock.advance(GRACE_MS)
  const tasks = [publish, repair, letGo, letGo, read, expire]
  const running = Array.from({ length: TASKS }, async () => {
    await turns(random, 60)
    await tasks[random.integer(tasks.length)]?.(world, random.integer(OBJECTS))
  })
  const collections = Array.from({ length: COLLECTIONS }, async () => {
    await turns(random, 60)
    counts.collected += (await collector.collect()).collected
    if (random.integer(2) === 0) await world.cache.trim()
    await clock.advance(random.integer(GRACE_MS))
  })
  try {
    await Promise.all([...running, ...collections])
    await checkReferenced(world)
    await checkGarbageGoes(world)
  } catch (error) {
    wrong.push(`broke off: ${error instanceof Error ? error.stack : error}`)
  }
  await world.chunks.close()
  return { wrong, ...counts }
}

async function createWorld(seed: number, bug: Planted): Promise<World> {
  const random = new SeededRandom(seed)
  const clock = new VirtualClock()
  const disk = slow(new MemoryDisk().session(), random)
  const log = silentLogger
  const metrics = createMetrics({ processMetrics: false })
  const index = openIndexDatabase(disk.openDatabase('index.db'))
  const pins = new Pins({ index, clock })
  const leases = new ChunkLeases()
  const files = await openFileChunkStore(
    { disk, index, clock, log, metrics },
    { folder: 'chunks', packBytesMax: 100_000 },
  )
  const truth: World['truth'] = { pinned: new Map(), used: new Map() }
  const wrong: string[] = []
  const counts = { collected: 0, spared: 0 }
  const plain = createCollectedChunkStore(files, { noteStored: () => {} })
  /** What deletes goes through here, and is judged in the same turn. */
  const judged: ChunkStore = {
    ...plain,
    async sizeOf(id) {
      const size = await plain.sizeOf(id)
      // The collector asks right before it looks for the last time: here others slip in.
      await turns(random, TURNS_MAX)
      if (leases.has(id) || pins.has(id)) counts.spared++
      else if (bug.stale === true) await turns(random, 40)
      return size
    },
    delete(id) {
      if (isReferenced(truth, id)) wrong.push(`${id} was deleted while it was referred to`)
      return plain.delete(id)
    },
  }
  const cache = new ChunkCache({ chunks: judged, pins, leases, index }, { sizeBytesMax: CACHE_BYTES_MAX })
  const sure = { has: () => false }
  const collector = new GarbageCollector(
    {
      chunks: judged,
      pins: bug.stale === true ? blind(pins) : pins,
      leases: bug.stale === true ? (sure as unknown as ChunkLeases) : leases,
      cache,
      index,
      clock,
      log,
      metrics,
    },
    { graceMs: GRACE_MS },
  )
  const chunks = createCollectedChunkStore(plain, collector)
  return { random, clock, chunks, pins, leases, collector, cache, bug, truth, wrong, counts }
}

/** Pins as they were when the collection began. */
function blind(pins: Pins): Pins {
  let known = new Set<ContentId>()
  return Object.assign(Object.create(pins), {
    removeExpired() {
      known = new Set(pins.chunkIds())
      return pins.removeExpired()
    },
    has: (id: ContentId) => known.has(id),
  }) as Pins
}

/** As `share` does: lease, store, pin, release. */
async function publish(world: World, object: number): Promise<void> {
  const { random, chunks, pins, leases, bug, cache } = world
  const lease = leases.hold()
  const ids: ContentId[] = []
  const owner = OWNERS[random.integer(OWNERS.length)] ?? 'self'
  try {
    for (const { id, bytes } of chunksOf(object)) {
      if (bug.leaseless !== true) lease.add(id)
      use(world, id, 1)
      ids.push(id)
      // Some ask first and save themselves the bytes.
      if (random.integer(2) === 0 || !(await chunks.has(id))) await chunks.put(id, bytes)
      if (random.integer(3) === 0) cache.note(id, bytes.byteLength)
      await turns(random, TURNS_MAX)
    }
    if (bug.early === true) {
      lease.release()
      await turns(random, TURNS_MAX * 4)
    }
    pin(world, object, owner, ids)
    pins.add({ root: rootOf(object), owner }, ids)
  } finally {
    for (const id of ids) use(world, id, -1)
    lease.release()
  }
}

/** As a repairer does for one chunk that somebody sent. */
async function repair(world: World, object: number): Promise<void> {
  const { random, chunks, pins, leases, bug } = world
  const all = chunksOf(object)
  const { id, bytes } = all[random.integer(all.length)] as (typeof all)[number]
  using _lease = bug.leaseless === true ? undefined : leases.hold([id])
  use(world, id, 1)
  try {
    await chunks.put(id, bytes)
    await turns(random, TURNS_MAX)
    pin(world, object, 'space', [id])
    pins.add({ root: rootOf(object), owner: 'space' }, [id])
  } finally {
    use(world, id, -1)
  }
}

async function letGo({ random, pins, truth }: World, object: number): Promise<void> {
  const owner = OWNERS[random.integer(OWNERS.length)] ?? 'self'
  truth.pinned.delete(`${object} ${owner}`)
  pins.remove(rootOf(object), owner)
}

async function read({ random, chunks, cache, wrong }: World, object: number): Promise<void> {
  for (const { id, bytes } of chunksOf(object)) {
    await turns(random, TURNS_MAX)
    const got = await chunks.get(id).catch((error: unknown) => {
      if (!isKizunaError(error, 'CHUNK_NOT_FOUND')) wrong.push(`reading ${id}: ${error}`)
      return undefined
    })
    if (got === undefined) continue
    if (Buffer.compare(got, bytes) !== 0) wrong.push(`${id} was read with other bytes`)
    if (await chunks.has(id)) cache.note(id, bytes.byteLength)
  }
}

/** Keeps what is there for a while only; a pin that has ended refers to nothing. */
async function expire({ pins, clock }: World, object: number): Promise<void> {
  const ids = chunksOf(object).map(({ id }) => id)
  pins.add({ root: rootOf(object), owner: 'for a while', expiresAt: clock.now() + GRACE_MS / 2 }, ids)
}

async function checkReferenced({ chunks, truth, wrong }: World): Promise<void> {
  for (const [name, ids] of truth.pinned) {
    for (const id of ids) {
      await chunks.get(id).catch((error: unknown) => wrong.push(`pinned by ${name} and gone: ${error}`))
    }
  }
}

async function checkGarbageGoes({
  clock,
  collector,
  cache,
  chunks,
  truth,
  wrong,
  counts,
}: World): Promise<void> {
  cache.setSizeBytesMax(0)
  await cache.trim()
  await clock.advance(GRACE_MS)
  await collector.collect()
  await clock.advance(GRACE_MS)
  counts.collected += (await collector.collect()).collected
  for await (const id of chunks.ids()) {
    if (!isReferenced(truth, id)) wrong.push(`${id} is garbage and still there after the grace and a cycle`)
  }
  for (const ids of truth.pinned.values()) {
    for (const id of ids) if (!(await chunks.has(id))) wrong.push(`${id} is pinned and was collected`)
  }
}

function isReferenced({ pinned, used }: World['truth'], id: ContentId): boolean {
  if ((used.get(id) ?? 0) > 0) return true
  for (const ids of pinned.values()) if (ids.has(id)) return true
  return false
}

function use({ truth }: World, id: ContentId, direction: 1 | -1): void {
  truth.used.set(id, (truth.used.get(id) ?? 0) + direction)
}

function pin({ truth }: World, object: number, owner: string, ids: readonly ContentId[]): void {
  const name = `${object} ${owner}`
  truth.pinned.set(name, new Set([...(truth.pinned.get(name) ?? []), ...ids]))
}

function chunksOf(object: number): typeof CHUNKS {
  return Array.from(
    { length: CHUNKS_PER_OBJECT },
    (_, place) => CHUNKS[(object * 2 + place) % CHUNKS.length] as (typeof CHUNKS)[number],
  )
}

function rootOf(object: number): ContentId {
  return (CHUNKS[object] as (typeof CHUNKS)[number]).id
}

async function turns(random: Random, max: number): Promise<void> {
  for (let left = random.integer(max + 1); left > 0; left--) await null
}

/** A disk whose every answer takes a seeded number of turns, in which others go on. */
function slow(inner: Disk, random: Random): Disk {
  return {
    ...inner,
    async open(path, mode) {
      await turns(random, TURNS_MAX)
      return inner.open(path, mode)
    },
    async rename(from, to) {
      await turns(random, TURNS_MAX)
      await inner.rename(from, to)
    },
    async remove(path) {
      await turns(random, TURNS_MAX)
      return inner.remove(path)
    },
    async syncFolder(path) {
      await turns(random, TURNS_MAX)
      await inner.syncFolder(path)
    },
  }
}
