/** What tests of the command history in MongoDB share. */
import { inspect } from 'node:util'
import { SystemClock } from '../../src/core/clock.ts'
import type { Logger } from '../../src/core/log.ts'
import { SeededRandom } from '../../src/core/random.ts'
import type { HistoryEntry } from '../../src/node/history/command-history.ts'

/** Stands in addresses of servers and may stand nowhere else. */
export const PASSWORD = 'a-password-nobody-may-see'
/** The database that is used where no other is set. */
export const DATABASE = 'kizuna'
/** Nobody listens there. */
export const NOWHERE = '127.0.0.1:9'
export const clock = new SystemClock()
export const random = new SeededRandom(1)

/** An entry, of which only what matters needs to be said. */
export function entry(over: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    correlationId: '0'.repeat(12),
    at: Date.UTC(2026, 0, 1),
    caller: 'cli',
    command: 'get',
    outcome: 'ok',
    durationMs: 1,
    ...over,
  }
}

/** Writes down everything that is logged, as deep as it goes. */
export function listeningLogger(heard: string[]): Logger {
  const note = (event: string, fields?: unknown) => void heard.push(inspect({ event, fields }, { depth: 20 }))
  const log: Logger = { error: note, warn: note, info: note, debug: note, named: () => log }
  return log
}
