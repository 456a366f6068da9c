import { z } from 'zod'
import { parsePeerId } from '../core/signing-key.ts'
import { measureLatency } from '../node/echo.ts'
import { defineCommand } from './command.ts'

/** Whether the node answers, and how far the others are. */
export const ping = defineCommand({
  name: 'ping',
  summary: 'Check that the node answers, and how long peers take',
  description:
    'Answers “Pong!”. With a peer id it connects to that peer first and gives its round trip.\n\nExample: kizuna ping',
  permission: 'anyone',
  cost: 'light',
  input: z.strictObject({ peer: z.string().optional().describe('Peer id to reach') }),
  positional: ['peer'],
  timeoutMs: 15_000,
  async run({ network, clock }, { peer }, { signal }) {
    const begin = clock.monotonic()
    const target = peer === undefined ? undefined : parsePeerId(peer)
    const measuredMs =
      target === undefined
        ? undefined
        : await measureLatency({ network, clock }, target, { signal, timeoutMs: 10_000 })
    const peers = network
      .connectedPeers()
      .filter((each) => target === undefined || each.peer === target)
      .map(({ peer: id, latencyMs, path }) => ({
        peer: id,
        latencyMs: measuredMs ?? latencyMs ?? null,
        path,
      }))
    return { message: 'Pong!', tookMs: Math.round(clock.monotonic() - begin), peers }
  },
})
