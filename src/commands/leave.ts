import { z } from 'zod'
import type { ContentProgress, HandedOver } from '../content/content.ts'
import { defineCommand } from './command.ts'
import { LIFETIME_PATTERN, parseLifetime } from './lifetime.ts'

/** Objects named in a result. */
const NAMED_MAX = 100

/** Leave the space's service in good order. */
export const leave = defineCommand({
  name: 'leave',
  summary: 'Hand over what others need of this machine, then stop serving for good',
  description:
    'Gives every copy that others would miss to somebody else, weakest first, and then tells the space that this node leaves, so that nobody waits for it. It refuses to leave while something would be lost. A node that stops or dies meanwhile goes on by itself when it runs again; Ctrl-C, or --cancel from anywhere, calls it off, and what was given is kept by those who have it. What is on this disk stays; the node started again is a member again.\n\nExample: kizuna leave --within 2h',
  permission: 'owner',
  changes: ({ dryRun, cancel }) => dryRun !== true || cancel === true,
  cost: 'heavy',
  input: z.strictObject({
    dryRun: z.boolean().default(false).describe('Only say what others would miss'),
    cancel: z.boolean().default(false).describe('Call off what is under way'),
    force: z.boolean().default(false).describe('Leave also when something is lost with this node'),
    within: z
      .string()
      .regex(LIFETIME_PATTERN, 'must be a number with s, m, h or d, such as 30m')
      .optional()
      .describe('End after this time, such as 30m; without it, as long as it takes'),
  }),
  positional: [],
  async run({ content, departure }, { dryRun, cancel, force, within }, { signal, progress }) {
    const onProgress = ({ phase, peers, ...update }: ContentProgress) =>
      progress({
        ...update,
        phase: phase === 'find' ? 'looking what others would miss' : 'handing over',
        ...(peers === undefined ? {} : { peers }),
      })
    if (cancel) return { ...resultOf(content.isLeaving, 0, []), cancelled: await departure.cancel() }
    if (dryRun) {
      const missed = await content.handOver({ onProgress, signal, dryRun: true })
      return resultOf(false, missed.length, missed)
    }
    const withinMs = within === undefined ? undefined : parseLifetime(within)
    const { handedOver, left } = await departure.leave({
      force,
      signal,
      onProgress,
      ...(withinMs === undefined ? {} : { withinMs }),
    })
    return resultOf(true, handedOver, left)
  },
})

function resultOf(hasLeft: boolean, count: number, left: readonly HandedOver[]) {
  const lost = left.filter(({ margin }) => margin < 0)
  const weaker = left.filter(({ margin }) => margin >= 0)
  return {
    left: hasLeft,
    /** Contents that were handed over; with --dry-run, that would be. */
    handedOver: count,
    lost: lost.slice(0, NAMED_MAX),
    lostCount: lost.length,
    weaker: weaker.slice(0, NAMED_MAX),
    weakerCount: weaker.length,
  }
}
