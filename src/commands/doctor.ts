import { z } from 'zod'
import type { Finding } from '../core/finding.ts'
import type { DepartureReport } from '../node/departure.ts'
import type { Services } from '../node/services.ts'
import { defineCommand } from './command.ts'
import { type FindingCode, nodeFinding as found, type StepName } from './findings.ts'
import { decodeShareLink } from './share-link.ts'

interface DoctorStep extends Finding<FindingCode> {
  step: StepName
  outcome: 'ok' | 'failed' | 'skipped'
}

/** Which step fails. */
export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Find out why something cannot be had, or whether the node is well',
  description:
    'With an id it walks the way of a `get` and names the step that fails: who is said to have it, who can be reached, who refuses, what is damaged. Without one it looks at the node itself; --disk also reads every chunk on this machine now, which it otherwise does once a week, and has healed what is damaged.\n\nExample: kizuna doctor bafk…',
  permission: 'member',
  cost: 'heavy',
  input: z.strictObject({
    id: z.string().max(512).optional().describe('Id or link of what you cannot get'),
    timeout: z.coerce
      .number()
      .int()
      .min(100)
      .max(60_000)
      .optional()
      .describe('Milliseconds that each step may take; default 10000'),
    chunks: z.boolean().default(false).describe('Also list which peers have which chunk'),
    disk: z.boolean().default(false).describe('Without an id: read every chunk on this machine now'),
  }),
  positional: ['id'],
  // Each step ends by itself; reading a whole disk takes as long as the disk is large.
  async run(services, { id: text, chunks, timeout, disk }, { signal }) {
    if (text === undefined) {
      const steps = await examineNode(services)
      if (disk) steps.push(await readDisk(services, signal))
      return { healthy: steps.every(({ outcome }) => outcome !== 'failed'), steps }
    }
    const { id, key } = decodeShareLink(text)
    const diagnosis = await services.content.diagnose(id, {
      signal,
      ...(key === undefined ? {} : { key }),
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    })
    return {
      id,
      readable: diagnosis.readable,
      steps: diagnosis.steps as DoctorStep[],
      ...(chunks ? { chunkMap: diagnosis.chunkMap } : {}),
    }
  },
})

async function examineNode(services: Services): Promise<DoctorStep[]> {
  const { network, membership, disk, state, config } = services
  const space = membership.space()
  const addresses = network.addresses().length
  const others = membership.members().length - 1
  const connected = network.connectedPeers()
  const relayed = connected.filter(({ path }) => path === 'relayed').length
  const { freeBytes } = await disk.space()
  const degraded = await state.degraded()
  const leaving = services.departure.report
  return [
    addresses > 0
      ? { step: 'addresses', outcome: 'ok', ...found('ADDRESSES_DIALABLE', { count: addresses }) }
      : { step: 'addresses', outcome: 'failed', ...found('ADDRESSES_NONE') },
    connected.length > 0
      ? { step: 'peers', outcome: 'ok', ...found('PEERS_CONNECTED', { count: connected.length, relayed }) }
      : others > 0
        ? { step: 'peers', outcome: 'failed', ...found('PEERS_AWAY', { count: others }) }
        : { step: 'peers', outcome: 'skipped', ...found('PEERS_ALONE') },
    { step: 'space', outcome: 'ok', ...found(space.admission === 'open' ? 'SPACE_OPEN' : 'SPACE_CLOSED') },
    {
      step: 'disk',
      outcome: freeBytes > 0 ? 'ok' : 'failed',
      ...found('DISK_FREE', { freeBytes, home: config.home }),
    },
    degraded.length === 0
      ? { step: 'state', outcome: 'ok', ...found('STATE_WELL') }
      : { step: 'state', outcome: 'failed', ...found('STATE_LOOK', { words: degraded }) },
    ...(leaving === undefined ? [] : [leavingStep(leaving)]),
  ]
}

function leavingStep(report: DepartureReport): DoctorStep {
  const { state, lost, weaker } = report
  const since = new Date(report.since).toISOString()
  if (state === 'left') return { step: 'leaving', outcome: 'ok', ...found('LEAVING_LEFT', { since }) }
  if (state === 'handing over')
    return { step: 'leaving', outcome: 'ok', ...found('LEAVING_HANDS_OVER', { since }) }
  return {
    step: 'leaving',
    outcome: 'failed',
    ...(lost + weaker === 0
      ? found('LEAVING_WAITS', { since })
      : found('LEAVING_STUCK', { since, lost, weaker })),
  }
}

/** Reads every chunk; what is damaged is fetched again from others by itself. */
async function readDisk({ content }: Services, signal: AbortSignal): Promise<DoctorStep> {
  const before = content.scrubber.report().found
  const { found: all, unreadable } = await content.scrubber.checkAll(signal)
  const damaged = all - before
  return damaged === 0 && unreadable === 0
    ? { step: 'chunks', outcome: 'ok', ...found('DISK_WHOLE') }
    : { step: 'chunks', outcome: 'failed', ...found('DISK_DAMAGED', { damaged, unreadable }) }
}
