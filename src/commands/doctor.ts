import { z } from 'zod'
import type { DepartureReport } from '../node/departure.ts'
import type { Services } from '../node/services.ts'
import { defineCommand } from './command.ts'
import { decodeShareLink } from './share-link.ts'

interface Finding {
  step: string
  outcome: 'ok' | 'failed' | 'skipped'
  finding: string
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
      steps: diagnosis.steps as Finding[],
      ...(chunks ? { chunkMap: diagnosis.chunkMap } : {}),
    }
  },
})

async function examineNode(services: Services): Promise<Finding[]> {
  const { network, membership, disk, state, config } = services
  const space = membership.space()
  const addresses = network.addresses()
  const others = membership.members().length - 1
  const connected = network.connectedPeers()
  const relayed = connected.filter(({ path }) => path === 'relayed').length
  const { freeBytes } = await disk.space()
  const degraded = await state.degraded()
  const leaving = services.departure.report
  return [
    {
      step: 'addresses',
      outcome: addresses.length > 0 ? 'ok' : 'failed',
      finding:
        addresses.length > 0
          ? `Others can dial ${addresses.length} addresses of this node.`
          : 'This node has no address that others could dial.',
    },
    {
      step: 'peers',
      outcome: connected.length > 0 ? 'ok' : others > 0 ? 'failed' : 'skipped',
      finding:
        connected.length > 0
          ? `Connected to ${connected.length} peers, ${relayed} of them through a relay.`
          : others > 0
            ? `None of the ${others} other members can be reached now.`
            : 'You are alone in your space; `kizuna invite` makes a link for another machine.',
    },
    {
      step: 'space',
      outcome: 'ok',
      finding:
        space.admission === 'open'
          ? 'The space is open: whoever reaches a member can join and read. `kizuna config set admission invite` closes it.'
          : 'The space is closed: newcomers need an invite.',
    },
    {
      step: 'disk',
      outcome: freeBytes > 0 ? 'ok' : 'failed',
      finding: `${freeBytes} bytes are free under ${config.home}.`,
    },
    {
      step: 'state',
      outcome: degraded.length === 0 ? 'ok' : 'failed',
      finding: degraded.length === 0 ? 'Nothing is degraded.' : `Needs a look: ${degraded.join(', ')}.`,
    },
    ...(leaving === undefined ? [] : [leavingStep(leaving)]),
  ]
}

function leavingStep({ state, since, lost, weaker }: DepartureReport): Finding {
  const begun = `Somebody asked this node to leave at ${new Date(since).toISOString()}`
  const callOff = '`kizuna leave --cancel` calls it off.'
  const findings = {
    left: `${begun}, and it has left: it answers nobody. Started again, it is a member again.`,
    'handing over': `${begun}; it hands over what others need of it. ${callOff}`,
    waiting:
      lost + weaker === 0
        ? `${begun}; it goes on when another member is there. ${callOff}`
        : `${begun}; ${lost} contents would be lost and ${weaker} have fewer copies, and nobody has room for them. It tries again every minute. Invite somebody with room, or \`kizuna leave --force\` loses them; ${callOff}`,
  }
  return { step: 'leaving', outcome: state === 'waiting' ? 'failed' : 'ok', finding: findings[state] }
}

/** Reads every chunk; what is damaged is fetched again from others by itself. */
async function readDisk({ content }: Services, signal: AbortSignal): Promise<Finding> {
  const before = content.scrubber.report().found
  const { found, unreadable } = await content.scrubber.checkAll(signal)
  const damaged = found - before
  const isWhole = damaged === 0 && unreadable === 0
  return {
    step: 'chunks',
    outcome: isWhole ? 'ok' : 'failed',
    finding: isWhole
      ? 'Every chunk on this machine is whole.'
      : `${damaged} chunks are damaged and are fetched again now; ${unreadable} cannot be read by the disk.`,
  }
}
