/**
 * A store with many small chunks, opened and filled by a process of its own, so that a kill is a kill.
 *
 *   large-store-child.ts FOLDER fill COUNT    stores so many, says `{"filled":…}`, and goes on storing until it is killed
 *   large-store-child.ts FOLDER open          opens, says how long that took, and closes in order
 */

import { chunkOf } from '../../src/storage/chunk.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { cpuMs } from './cpu-time.ts'
import { openStorageUnderTest, type StorageUnderTest } from './storage-under-test.ts'

/** Chunks of one object, stored at once. */
const BATCH = 20_000
const CHUNK_BYTES = 24

const [folder = '', what, count = '0'] = process.argv.slice(2)
const begin = { wallMs: performance.now(), cpuMs: cpuMs() }
// Packs as long as a node's.
const storage = await openStorageUnderTest(createFileDisk(folder), { packs: 'as a node' })
const { chunks } = await storage.chunks.usage()
const ready = {
  chunks,
  wallMs: Math.round(performance.now() - begin.wallMs),
  cpuMs: Math.round(cpuMs() - begin.cpuMs),
}
if (what === 'fill') {
  for (let from = 0; from < Number(count); from += BATCH) {
    await store(storage, from, Math.min(BATCH, Number(count) - from))
  }
  say({ filled: (await storage.chunks.usage()).chunks })
  for (let from = Number(count); ; from += BATCH) await store(storage, from, BATCH)
}
say(ready)
await storage.close()

async function store({ chunks, pins }: StorageUnderTest, from: number, count: number): Promise<void> {
  const batch = Array.from({ length: count }, (_, place) => {
    const bytes = new Uint8Array(CHUNK_BYTES)
    new DataView(bytes.buffer).setUint32(0, from + place)
    return chunkOf(bytes)
  })
  await Promise.all(batch.map(({ id, bytes }) => chunks.put(id, bytes)))
  const ids = batch.map(({ id }) => id)
  pins.add({ root: (batch[0] as (typeof batch)[number]).id, owner: 'self' }, ids)
}

function say(facts: object): void {
  process.stdout.write(`${JSON.stringify(facts)}\n`)
}
