import { z } from 'zod'
import { defineCommand } from './command.ts'

/** Exchange records and held keys with everybody now. */
export const sync = defineCommand({
  name: 'sync',
  summary: 'Exchange records and held keys with every connected member now',
  description:
    'Nodes do this by themselves all the time; the command does it at once and says what was exchanged.\n\nExample: kizuna sync',
  permission: 'member',
  cost: 'heavy',
  input: z.strictObject({}),
  positional: [],
  timeoutMs: 120_000,
  async run({ records, content, clock }, _input, { signal, progress }) {
    const begin = clock.monotonic()
    progress({ phase: 'exchanging records', done: 0, total: 2, unit: 'items' })
    const exchanged = await records.sync({ signal })
    progress({ phase: 'exchanging held keys', done: 1, total: 2, unit: 'items' })
    const keys = await content.sync({ signal })
    return {
      peers: Math.max(exchanged.peers, keys.peers),
      recordsSent: exchanged.sent,
      recordsReceived: exchanged.received,
      keysSent: keys.keysSent,
      keysReceived: keys.keysReceived,
      durationMs: Math.round(clock.monotonic() - begin),
    }
  },
})
