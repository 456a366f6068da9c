import { z } from 'zod'
import type { HandedOver } from '../content/content.ts'
import { KizunaError } from '../core/kizuna-error.ts'
import type { Services } from '../node/services.ts'
import { readStatus, STATUS_KIND } from '../records/status-record.ts'
import { defineCommand } from './command.ts'
import { LIFETIME_PATTERN, parseLifetime } from './lifetime.ts'

/** Objects named in a result or an error. */
const NAMED_MAX = 100
/** That we leave is told to everybody who is connected, within this. */
const TELL_TIMEOUT_MS = 15_000

/** Thrown when leaving now would lose something. */
export class LeaveWouldLoseError extends KizunaError {
  override name = 'LeaveWouldLoseError'
  constructor(facts: { lost: readonly HandedOver[]; weaker: number; inTime: boolean }) {
    const { lost, weaker, inTime } = facts
    const names = lost.slice(0, NAMED_MAX).map(({ id }) => id)
    super({
      code: 'LEAVE_WOULD_LOSE',
      kind: 'unavailable',
      message: inTime
        ? `Nobody else has room for all that this node keeps: ${lost.length} contents would be lost with it.`
        : `Not everything was handed over in time: ${lost.length} contents would be lost, ${weaker} would have fewer copies.`,
      hint: 'The same command goes on where it ended. When nobody has room, invite somebody who has; --dry-run lists what is left, --force leaves all the same and loses it.',
      details: { lost: names, weaker },
    })
  }
}

/** Leave the space's service in good order. */
export const leave = defineCommand({
  name: 'leave',
  summary: 'Hand over what others need of this machine, then stop serving for good',
  description:
    'Gives every copy that others would miss to somebody else, weakest first, and then tells the space that this node leaves, so that nobody waits for it. Interrupted, it goes on where it ended. It refuses to leave while something would be lost. What is on this disk stays; the node started again is a member again.\n\nExample: kizuna leave --within 2h',
  permission: 'owner',
  cost: 'heavy',
  input: z.strictObject({
    dryRun: z.boolean().default(false).describe('Only say what others would miss'),
    force: z.boolean().default(false).describe('Leave also when something is lost with this node'),
    within: z
      .string()
      .regex(LIFETIME_PATTERN, 'must be a number with s, m, h or d, such as 30m')
      .optional()
      .describe('End after this time, such as 30m; without it, as long as it takes'),
  }),
  positional: [],
  async run(services, { dryRun, force, within }, { signal, progress }) {
    const { content, clock, membership } = services
    const onProgress: Parameters<typeof content.handOver>[0] = {
      onProgress: ({ phase, peers, ...update }) =>
        progress({
          ...update,
          phase: phase === 'find' ? 'looking what others would miss' : 'handing over',
          ...(peers === undefined ? {} : { peers }),
        }),
    }
    const missed = await content.handOver({ ...onProgress, signal, dryRun: true })
    if (dryRun) return resultOf(false, missed.length, missed)
    let left = missed
    const deadline = within === undefined ? signal : clock.deadline(parseLifetime(within), signal)
    let inTime = true
    try {
      left = await content.handOver({ ...onProgress, signal: deadline })
    } catch (error) {
      if (signal.aborted || !deadline.aborted) throw error
      inTime = false
      left = await content.handOver({ signal, dryRun: true })
    }
    const lost = left.filter(({ margin }) => margin < 0)
    if (!force && (lost.length > 0 || (!inTime && left.length > 0))) {
      throw new LeaveWouldLoseError({ lost, weaker: left.length - lost.length, inTime })
    }
    content.leave()
    await tellEverybody(services, signal)
    content.stopServing()
    services.log.info('left', { space: membership.space().id, lost: lost.length })
    return resultOf(true, missed.length - left.length, left)
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

/** Has our last status signed and brought to everybody connected. */
async function tellEverybody(
  { clock, network, records, tellStatus }: Services,
  signal: AbortSignal,
): Promise<void> {
  const deadline = clock.deadline(TELL_TIMEOUT_MS, signal)
  await new Promise<void>((resolve) => {
    const stop = records.onRecord(STATUS_KIND, (record) => {
      if (record.author === network.peerId && readStatus(record).leaving === true) end()
    })
    const end = () => {
      stop()
      resolve()
    }
    deadline.addEventListener('abort', end, { once: true })
    tellStatus()
  })
  signal.throwIfAborted()
  await records.sync({ signal: deadline }).catch(() => undefined)
}
