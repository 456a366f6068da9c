import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { type Random, shuffled } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { SHARD_ALIGNMENT_BYTES } from '../storage/erasure-code.ts'
import { type AuditProbeParts, LEAF_BYTES, probeLeaf } from './audit-probe.ts'
import type { AuditOutcome } from './audit-standing.ts'
import { compareLeaves } from './stripe-leaves.ts'
import type { Stripe } from './stripe-rebuild.ts'

/** What one stripe showed: of each holder asked what it proved, or that nothing could be concluded. */
export interface StripeAudit {
  outcomes: { peer: PeerId; id: ContentId; outcome: AuditOutcome }[]
  /** Holders whose answers do not fit, to be read whole before anybody is blamed; ids with their holders. */
  suspects: { peer: PeerId; id: ContentId }[]
  /** Whether enough answered to conclude anything. */
  isConclusive: boolean
}

/** What auditing a stripe needs. */
export interface AuditStripeParts extends AuditProbeParts {
  self: PeerId
  chunks: ChunkStore
  random: Random
  /** Holders of a shard that can be asked now, those that may be relied on. */
  holdersOf: (id: ContentId) => readonly PeerId[]
}

interface Leaf {
  place: number
  peer: PeerId | undefined
  id: ContentId
  bytes: Uint8Array
}

/**
 * Audits the holders of all shards of a stripe at once, `target` for the shard `id` among them: each reveals the same
 * random blocks, and the code tells whether they fit together. Needs no shard of our own and no precomputed secret.
 */
export async function auditStripe(
  parts: AuditStripeParts,
  stripe: Stripe,
  target: { peer: PeerId; id: ContentId },
  signal: AbortSignal,
): Promise<StripeAudit> {
  const length = Math.min(LEAF_BYTES, stripe.shardBytes)
  const offset = offsetWithin(parts.random, stripe, target.id, length)
  const audit: StripeAudit = { outcomes: [], suspects: [], isConclusive: false }
  const asked = stripe.places.map(async (shard, place): Promise<Leaf | undefined> => {
    if (shard === undefined) return undefined
    const { id, sizeBytes } = shard
    const wanted = Math.min(Math.max(sizeBytes - offset, 0), length)
    const known = wanted === 0 ? new Uint8Array(0) : await ownLeaf(parts, id, offset, wanted)
    if (known !== undefined) return { place, peer: undefined, id, bytes: padded(known, length) }
    const peer = id === target.id ? target.peer : shuffled(parts.random, parts.holdersOf(id))[0]
    if (peer === undefined) return undefined
    const { outcome, revealed } = await probeLeaf(parts, peer, { id, offset, length: wanted }, signal)
    if (revealed === undefined) {
      if (outcome === 'wrong') audit.suspects.push({ peer, id })
      else audit.outcomes.push({ peer, id, outcome })
      return undefined
    }
    if (outcome === 'late') audit.outcomes.push({ peer, id, outcome })
    return { place, peer, id, bytes: padded(revealed, length) }
  })
  const leaves = (await Promise.all(asked)).filter((leaf) => leaf !== undefined)
  conclude(audit, stripe, leaves, length)
  return audit
}

function conclude(audit: StripeAudit, stripe: Stripe, leaves: readonly Leaf[], length: number): void {
  const known = new Map(leaves.map((leaf) => [leaf.place, leaf.bytes]))
  const zeros = new Uint8Array(length)
  const row = stripe.places.map((shard, place) => (shard === undefined ? zeros : known.get(place)))
  const verdict = compareLeaves(stripe.shape, row)
  audit.isConclusive = verdict.kind === 'agree' || (verdict.kind === 'disagree' && verdict.wrong.length > 0)
  const isLate = (leaf: Leaf) => audit.outcomes.some(({ peer, id }) => peer === leaf.peer && id === leaf.id)
  for (const leaf of leaves) {
    const { peer, id } = leaf
    if (peer === undefined) continue
    const isWrong = verdict.kind === 'disagree' && verdict.wrong.includes(leaf.place)
    if (isWrong) audit.suspects.push({ peer, id })
    else if (audit.isConclusive && !isLate(leaf)) audit.outcomes.push({ peer, id, outcome: 'proved' })
  }
}

/** Somewhere in the target's own bytes: behind a short chunk's end there is nothing to prove. */
function offsetWithin(random: Random, stripe: Stripe, id: ContentId, length: number): number {
  const sizeBytes = stripe.places.find((shard) => shard?.id === id)?.sizeBytes ?? stripe.shardBytes
  const last = Math.min(sizeBytes - 1, stripe.shardBytes - length)
  return SHARD_ALIGNMENT_BYTES * random.integer(Math.floor(Math.max(last, 0) / SHARD_ALIGNMENT_BYTES) + 1)
}

async function ownLeaf(
  { chunks }: AuditStripeParts,
  id: ContentId,
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  try {
    return (await chunks.has(id)) ? await chunks.get(id, { offset, length }) : undefined
  } catch (error) {
    if (!isKizunaError(error)) throw error
    return undefined
  }
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const leaf = new Uint8Array(length)
  leaf.set(bytes)
  return leaf
}
