import { z } from 'zod'
import { CONTENT_ID_FORMS, formatContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import { type ProviderView, toProviderViews } from '../network/provider-view.ts'
import type { Services } from '../node/services.ts'
import { toFileMetadataJson } from '../records/file-record.ts'
import { defineCommand } from './command.ts'
import { sharedFileOf } from './content-key.ts'
import { formatPolicy } from './durability-policy.ts'
import { decodeShareLink } from './share-link.ts'

/** Remembered peers whose addresses are looked through. */
const REMEMBERED_MAX = 1_000

/** Everything known about one thing. */
export const describe = defineCommand({
  name: 'describe',
  summary: 'Show everything known about one thing, with who holds it',
  description:
    'Its names and facts, its policy, how many copies are confirmed and how many could still be lost, and the peers that hold it.\n\nExample: kizuna describe bafk…',
  permission: 'member',
  cost: 'light',
  input: z.strictObject({ id: z.string().max(512).describe('Id or link') }),
  positional: ['id'],
  timeoutMs: 30_000,
  async run(services, { id: text }, { signal }) {
    const { id } = decodeShareLink(text)
    signal.throwIfAborted()
    const file = sharedFileOf(services, id)
    const durability = await services.content.durability(id)
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
      margin: durability.margin,
      holders: durability.holders,
      keptHere: durability.keptHere,
      providers: await providersOf(services, durability.holders),
      metadata: file === undefined ? null : toFileMetadataJson(file),
    }
  },
})

/** Where its holders can be reached, as far as is known here. */
async function providersOf({ network }: Services, holders: readonly PeerId[]): Promise<ProviderView[]> {
  const known = new Map((await network.remembered(REMEMBERED_MAX)).map((each) => [each.peer, each.addresses]))
  known.set(network.peerId, network.addresses())
  return holders.flatMap((peer) => toProviderViews({ peer, addresses: known.get(peer) ?? [] }))
}
