import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../core/log.ts'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { openIndexDatabase } from '../../storage/index-database.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { commandHistorySuite } from './command-history.suite.ts'
import { historyOfPerson } from './history-of-person.ts'
import { SqliteCommandHistory } from './sqlite-command-history.ts'

function open(disk = new MemoryDisk()) {
  const index = openIndexDatabase(disk.openDatabase('index.db'))
  const clock = new VirtualClock()
  return { clock, index, history: new SqliteCommandHistory({ index, clock, log: silentLogger }) }
}

commandHistorySuite('SQLite', async () => {
  const { clock, history } = open()
  return { history, settle: () => clock.advance(1_000) }
})

const one = { correlationId: '0'.repeat(12), caller: 'cli', command: 'share', outcome: 'ok', durationMs: 1 }

test('what was noted is there after a restart', async () => {
  const disk = new MemoryDisk()
  const { history, index } = open(disk)
  history.note({ ...one, at: 5 })
  await history.stop()
  index.close()
  assert.equal((await open(disk).history.list({})).length, 1)
})

test('an index that takes nothing costs entries and not commands', async () => {
  const { history, clock, index } = open()
  index.close()
  history.note({ ...one, at: 5 })
  await clock.advance(1_000)
  await history.stop()
})

test('a person gets every entry of theirs, over all pages', async () => {
  const { history } = open()
  for (let count = 0; count < 2_500; count++) {
    const correlationId = String(count).padStart(12, '0')
    history.note({ ...one, correlationId, at: Math.floor(count / 7), caller: 'discord:oak' })
  }
  let count = 0
  for await (const item of historyOfPerson(history).exportOf('discord:oak')) {
    assert.equal((item as { caller: string }).caller, 'discord:oak')
    count++
  }
  assert.equal(count, 2_500)
  assert.equal(await historyOfPerson(history).eraseOf('discord:oak'), 2_500)
})
