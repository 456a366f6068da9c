import { z } from 'zod'
import { defineCommand } from './command.ts'

/** The peers this node is connected to, and members that are away. */
export const peers = defineCommand({
  name: 'peers',
  summary: 'List the peers: name, id, delay, path, room',
  description:
    'Connected peers and the members of the space that are away. The path is `direct` or `relayed`.\n\nExample: kizuna peers --all',
  permission: 'member',
  cost: 'light',
  input: z.strictObject({
    all: z.boolean().default(false).describe('Also members that are away'),
  }),
  positional: [],
  timeoutMs: 10_000,
  async run({ network, membership, community }, { all }) {
    const labels = new Map(membership.members().map(({ peer, label }) => [peer, label]))
    const views = new Map(community.members().map((view) => [view.peer, view]))
    const connected = network.connectedPeers().map((each) => ({
      peer: each.peer,
      label: labels.get(each.peer) ?? '',
      member: labels.has(each.peer),
      online: true,
      path: each.path as 'direct' | 'relayed' | null,
      direction: each.direction as 'inbound' | 'outbound' | null,
      address: each.address as string | null,
      latencyMs: each.latencyMs === undefined ? null : Math.round(each.latencyMs * 10) / 10,
      freeBytes: views.get(each.peer)?.freeBytes ?? null,
      chunks: views.get(each.peer)?.holdings?.count ?? null,
    }))
    const known = new Set(connected.map(({ peer }) => peer))
    const away = [...views.values()]
      .filter(({ peer }) => !known.has(peer))
      .map((view) => ({
        peer: view.peer,
        label: labels.get(view.peer) ?? '',
        member: true,
        online: view.online,
        path: null,
        direction: null,
        address: null,
        latencyMs: null,
        freeBytes: view.freeBytes,
        chunks: view.holdings?.count ?? null,
      }))
    return { peers: all ? [...connected, ...away] : connected }
  },
})
