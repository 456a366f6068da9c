import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ChunkTable } from './chunk-table.ts'
import { openIndexDatabase } from './index-database.ts'
import { MemoryDisk } from './memory-disk.ts'

test('a million ids are listed with at most 16 MiB more held in memory [S-11]', () => {
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const table = new ChunkTable(index)
  index.run(
    `INSERT INTO stored_chunk (digest, size)
     WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000000)
     SELECT randomblob(32), n FROM number`,
  )
  // What is held, without what awaits the collector and the room that the runtime sets aside for new objects.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heldBytes = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const baseBytes = heldBytes()
  let listed = 0
  let peakBytes = 0
  for (const page of table.ids()) {
    listed += page.length
    if (listed % 100_000 === 0) peakBytes = Math.max(peakBytes, heldBytes())
  }
  assert.equal(listed, 1_000_000)
  assert.ok(peakBytes - baseBytes <= 16 * 2 ** 20, `${(peakBytes - baseBytes) / 2 ** 20} MiB`)
})
