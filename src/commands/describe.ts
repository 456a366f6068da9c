import { z } from 'zod'
import { CONTENT_ID_FORMS, formatContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ProviderView } from '../network/provider-view.ts'
import type { Services } from '../node/services.ts'
import { toFileMetadataJson } from '../records/file-record.ts'
import { defineCommand } from './command.ts'
import { sharedFileOf } from './content-key.ts'
import { formatPolicy, readPolicy } from './durability-policy.ts'
import { decodeShareLink } from './share-link.ts'

/** Remembered peers whose addresses are looked through. */
const REMEMBERED_MAX = 1_000

/** Everything known about one thing. */
export const describe = defineCommand({
  name: 'describe',
  summary: 'Show everything known about one thing, with who holds it',
  description:
    'Its names and facts, its policy, how many copies are confirmed and how many could still be lost, the odds that it is lost within a year and the share of time it cannot be read at the members’ measured uptime, and the peers that hold it.\n\nExample: kizuna describe bafk…',
  permission: 'member',
  cost: 'light',
  input: z.strictObject({ id: z.string().max(512).describe('Id or link') }),
  positional: ['id'],
  timeoutMs: 30_000,
  async run(services, { id: text }, { signal }) {
    const { id } = decodeShareLink(text)
    signal.throwIfAborted()
    const file = sharedFileOf(services, id)
    const durability = await services.content.durability(id, readPolicy(file?.policy))
    return {
      id,
      forms: Object.fromEntries(CONTENT_ID_FORMS.map((form) => [form, formatContentId(id, form)])),
      name: file?.name ?? null,
      kind: file?.kind ?? null,
      mediaType: file?.mediaType ?? null,
      publisher: file?.publishedBy ?? null,
      publishers: file?.publishers ?? [],
      publishedAt: file === undefined ? null : new Date(file.publishedAt).toISOString(),
      sizeBytes: file?.sizeBytes ?? durability.sizeBytes,
      policy: formatPolicy(durability.policy),
      confirmed: durability.confirmed,
      target: durability.target,
      needed: durability.needed,
      margin: durability.margin,
      failureDomains: durability.domains,
      provedBy: durability.provedBy,
      lastProvedAt:
        durability.lastProvedAt === undefined ? null : new Date(durability.lastProvedAt).toISOString(),
      lossOddsPerYear: durability.lossOddsPerYear,
      unreadableShare: durability.unreadableShare,
      holders: durability.holders,
      keptHere: durability.keptHere,
      providers: await providersOf(services, durability.holders),
      metadata: file === undefined ? null : toFileMetadataJson(file),
    }
  },
})

/** Where its holders can be reached, as far as is known here. */
async function providersOf({ network }: Services, holders: readonly PeerId[]): Promise<ProviderView[]> {
  // It brings libp2p's addresses with it, and every command of the command line would load those.
  const { toProviderViews } = await import('../network/provider-view.ts')
  const known = new Map((await network.remembered(REMEMBERED_MAX)).map((each) => [each.peer, each.addresses]))
  known.set(network.peerId, network.addresses())
  return holders.flatMap((peer) => toProviderViews({ peer, addresses: known.get(peer) ?? [] }))
}
