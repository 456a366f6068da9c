import { z } from 'zod'
import type { ScrubReport } from '../content/scrubber.ts'
import type { DepartureReport } from '../node/departure.ts'
import { defineCommand } from './command.ts'
import { verdictOf } from './verdict.ts'

/** How the node is. */
export const status = defineCommand({
  name: 'status',
  summary: 'Show how this node and its space are',
  description:
    'Identity, space and members, addresses, what is stored under which quota, how many things have too few copies and which is the weakest, queues, traffic, and anything that needs a look.\n\nExample: kizuna status --json',
  permission: 'member',
  cost: 'light',
  input: z.strictObject({}),
  positional: [],
  timeoutMs: 10_000,
  async run(services) {
    const { config, clock, network, membership, community, content, state } = services
    const space = membership.space()
    const members = community.members()
    const heldCounts = members.flatMap(({ holdings }) => (holdings === undefined ? [] : [holdings.count]))
    const own = content.holdings().count
    const durability = content.durabilitySummary()
    const counts = [own, ...heldCounts]
    const keptObjects = content.keptObjects().length
    const memberCount = membership.members().length
    const [usage, receivedBytes, sentBytes, degraded, health] = await Promise.all([
      state.usage(),
      state.receivedBytes(),
      state.sentBytes(),
      state.degraded(),
      services.health.report(),
    ])
    return {
      peerId: network.peerId,
      label: config.label,
      role: config.role,
      version: state.version,
      uptimeMs: clock.now() - state.startedAt,
      space: { id: space.id, name: space.name, admission: space.admission, founder: space.founder },
      members: memberCount,
      membersOnline: members.filter(({ online }) => online).length + 1,
      connectedPeers: network.connectedPeers().length,
      addresses: network.addresses(),
      stored: usage,
      storedForOthersBytes: state.storedForOthersBytes(),
      quota: {
        storageBytesMax: config.storageBytesMax,
        storageForOthersBytesMax: config.storageForOthersBytesMax,
        cacheBytesMax: config.cacheBytesMax,
      },
      keptObjects,
      durability: { ...durability, worst: durability.worst ?? null },
      averageChunksPerPeer: Math.round(counts.reduce((sum, count) => sum + count, 0) / counts.length),
      scrub: scrubView(content.scrubber.report()),
      audits: content.audits.report(),
      queues: content.queues(),
      receivedBytes,
      sentBytes,
      cleanStart: state.cleanStart,
      leaving: leavingView(services.departure.report),
      degraded,
      verdict: verdictOf({
        members: memberCount,
        copies: config.copies,
        kept: keptObjects,
        durability,
        degraded,
        health,
      }),
      health: health.map(({ since, error, ...part }) => ({
        ...part,
        since: new Date(since).toISOString(),
        error: error ?? null,
      })),
      circuits: services.breakers.states(),
    }
  },
})

/** How taking this node out of service goes; null while nobody asked for it. */
function leavingView(report: DepartureReport | undefined) {
  if (report === undefined) return null
  const { state, since, lost, weaker } = report
  return { state, since: new Date(since).toISOString(), lost, weaker }
}

/** How reading everything on this machine goes, and what it found since the first start. */
function scrubView(report: ScrubReport) {
  const { finishedAt, progress, isBehind, checked, found, healed, unreadable } = report
  return {
    percent: Math.floor(progress * 100),
    isBehind,
    checkedChunks: checked,
    foundDamaged: found,
    healed,
    unreadable,
    lastFinishedAt: finishedAt === undefined ? null : new Date(finishedAt).toISOString(),
  }
}
