/**
 * What R-03 starts on a small file system of its own: storage fills it until nothing more fits, goes on reading,
 * and writes again when something was deleted. Prints what it found as one line of JSON.
 *
 *   node test/reliability/full-disk-child.ts FOLDER CHUNK-BYTES
 */
import { writeSync } from 'node:fs'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { chunkOf } from '../../src/storage/chunk.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { Ledger, openStorageUnderTest } from './storage-under-test.ts'

/** What the child says. */
export interface FullDiskOutcome {
  stored: number
  refused: number
  /** From the moment there is room until a chunk is stored. */
  resumedMs: number
  wrong: string[]
}

/** Times that the disk is filled and emptied by half. */
const FILLINGS = 2
/** Refusals before it counts as full: small chunks may still fit where large ones do not. */
const REFUSALS = 20

if (process.argv[1] === import.meta.filename) {
  const [folder = '', chunkBytes = '0'] = process.argv.slice(2)
  writeSync(1, JSON.stringify(await fillOften(folder, Number(chunkBytes))))
}

async function fillOften(folder: string, chunkBytes: number): Promise<FullDiskOutcome> {
  const outcome: FullDiskOutcome = { stored: 0, refused: 0, resumedMs: 0, wrong: [] }
  const random = new SeededRandom(chunkBytes)
  const ledger = new Ledger()
  const disk = createFileDisk(folder)
  let storage = await openStorageUnderTest(disk)
  const put = async (): Promise<boolean> => {
    const { id, bytes } = chunkOf(random.bytes(chunkBytes - random.integer(8)))
    try {
      await storage.chunks.put(id, bytes)
      storage.pins.add({ root: id, owner: 'self' }, [id])
    } catch (error) {
      if (!isKizunaError(error, 'DISK_FULL')) outcome.wrong.push(`not the right error: ${error}`)
      outcome.refused++
      return false
    }
    ledger.note(`chunk ${id}`)
    ledger.note(`pin ${id} ${id}`)
    outcome.stored++
    return true
  }
  for (let filling = 0; filling < FILLINGS; filling++) {
    for (let refusals = 0; refusals < REFUSALS; ) if (!(await put())) refusals++
    outcome.wrong.push(...(await ledger.check(storage)).map((one) => `full: ${one}`))
    for (const id of [...ledger.chunks].slice(0, Math.ceil(ledger.chunks.size / 2))) {
      ledger.note(`unpin ${id}`)
      ledger.note(`delete ${id}`)
      storage.pins.remove(id, 'self')
      await storage.chunks.delete(id)
    }
    const begin = performance.now()
    while (!(await put()) && performance.now() - begin < 10_000) await new Promise(setImmediate)
    outcome.resumedMs = Math.max(outcome.resumedMs, Math.round(performance.now() - begin))
    // Closed in order once, cut off the other times.
    if (filling === 0) await storage.close()
    else storage.index.close()
    storage = await openStorageUnderTest(disk)
    outcome.wrong.push(...(await ledger.check(storage)).map((one) => `opened again: ${one}`))
  }
  await storage.close()
  return outcome
}
