/** What every keeper of the command history does, whatever it keeps it in. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandHistory, HistoryEntry } from './command-history.ts'

const START = Date.UTC(2026, 0, 1)

function entry(over: Partial<HistoryEntry> & { at: number }): HistoryEntry {
  return {
    correlationId: over.at.toString(16).padStart(12, '0').slice(-12),
    caller: 'discord:oak',
    command: 'share',
    outcome: 'ok',
    durationMs: 10,
    ...over,
  }
}

/** @param open an empty history; `settle` makes time pass until what was noted is written. */
export function commandHistorySuite(
  name: string,
  open: () => Promise<{ history: CommandHistory; settle: () => Promise<void> }>,
): void {
  describe(`${name} keeps the command history [A-85]`, () => {
    test('entries come back as they were, the newest first, also before they were written', async () => {
      const { history } = await open()
      const first = entry({ at: START, group: 'discord:9', action: 'run', command: 'task' })
      const second = entry({ at: START + 1, outcome: 'CHUNK_NOT_FOUND', durationMs: 2_500 })
      history.note(first)
      history.note(second)
      assert.deepEqual(await history.list({}), [second, first])
      await history.stop()
    })

    test('a question narrows by person, group, command and time', async () => {
      const { history, settle } = await open()
      for (let count = 0; count < 40; count++) {
        history.note(
          entry({
            at: START + count,
            caller: count % 2 === 0 ? 'discord:oak' : 'discord:elm',
            command: count % 4 === 0 ? 'get' : 'share',
            ...(count < 20 ? { group: 'discord:9' } : {}),
          }),
        )
      }
      await settle()
      const times = async (query: Parameters<CommandHistory['list']>[0]) =>
        (await history.list(query)).map(({ at }) => at - START)
      assert.deepEqual(await times({ limit: 3 }), [39, 38, 37])
      assert.deepEqual(await times({ caller: 'discord:elm', limit: 2 }), [39, 37])
      assert.deepEqual(await times({ command: 'get', limit: 3 }), [36, 32, 28])
      assert.deepEqual(await times({ group: 'discord:9', limit: 2 }), [19, 18])
      assert.deepEqual(await times({ since: START + 38 }), [39, 38])
      assert.deepEqual(await times({ before: START + 2 }), [1, 0])
      assert.deepEqual(await times({ caller: 'discord:oak', command: 'get', before: START + 9 }), [8, 4, 0])
      assert.deepEqual(await times({ caller: 'nobody' }), [])
      await history.stop()
    })

    test('a summary says how each command was used', async () => {
      const { history } = await open()
      history.note(entry({ at: START, durationMs: 10 }))
      history.note(entry({ at: START + 1, durationMs: 30, caller: 'discord:elm', outcome: 'DISK_FULL' }))
      history.note(entry({ at: START + 2, command: 'get', durationMs: 5, group: 'discord:9' }))
      const share = { command: 'share', count: 2, failed: 1, callers: 2, averageMs: 20, slowestMs: 30 }
      const get = { command: 'get', count: 1, failed: 0, callers: 1, averageMs: 5, slowestMs: 5 }
      assert.deepEqual(await history.summary({}), [share, get])
      assert.deepEqual(await history.summary({ since: START + 2 }), [get])
      assert.deepEqual(await history.summary({ group: 'discord:9' }), [get])
      await history.stop()
    })

    test('a person is forgotten and the others stay', async () => {
      const { history } = await open()
      for (let count = 0; count < 30; count++) {
        history.note(entry({ at: START + count, caller: count % 3 === 0 ? 'discord:elm' : 'discord:oak' }))
      }
      assert.equal(await history.erase('discord:oak'), 20)
      assert.equal(await history.erase('discord:oak'), 0)
      const left = await history.list({ limit: 100 })
      assert.equal(left.length, 10)
      assert.ok(left.every(({ caller }) => caller === 'discord:elm'))
      await history.stop()
    })
  })
}
