import { z } from 'zod'
import { listSharedFiles } from '../records/removal-record.ts'
import { defineCommand } from './command.ts'

const LIMIT_MAX = 1_000

/** What the space shares. */
export const list = defineCommand({
  name: 'list',
  summary: 'List what the space shares',
  description:
    'Name, size, type, publisher and how safe each thing is, newest first; the same on every member, also when the publisher is gone.\n\nExample: kizuna list --name holiday',
  permission: 'member',
  cost: 'light',
  input: z.strictObject({
    name: z.string().max(255).optional().describe('Only names that contain this'),
    mine: z.boolean().default(false).describe('Only what this node shared'),
    limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(100).describe('At most so many'),
    offset: z.coerce.number().int().min(0).default(0).describe('Leave out so many first'),
  }),
  positional: ['name'],
  timeoutMs: 10_000,
  async run({ records, membership, content, network }, { name, mine, limit, offset }) {
    const members = new Map(membership.members().map((member) => [member.peer, member]))
    const wanted = name?.toLowerCase()
    const all = listSharedFiles(records, (peer) => members.get(peer)?.role).filter(
      (file) =>
        (wanted === undefined || file.name.toLowerCase().includes(wanted)) &&
        (!mine || file.publishers.includes(network.peerId)),
    )
    const files = await Promise.all(
      all.slice(offset, offset + limit).map(async (file) => ({
        id: file.id,
        name: file.name,
        kind: file.kind,
        mediaType: file.mediaType,
        sizeBytes: file.sizeBytes,
        policy: file.policy,
        publisher: file.publishedBy,
        publisherLabel: members.get(file.publishedBy)?.label ?? '',
        publishedAt: new Date(file.publishedAt).toISOString(),
        private: file.sealedKey !== undefined,
        holders: (await content.whoHas(file.id)).length,
      })),
    )
    return { files, total: all.length }
  },
})
