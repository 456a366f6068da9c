import type { ContentId } from '../core/content-id.ts'
import { type Random, shuffled } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObjects } from './kept-objects.ts'
import type { ObjectManifest } from './object-manifest.ts'
import type { Stripe } from './stripe-rebuild.ts'

/** Draws until a peer is taken for one with which we share nothing. */
const DRAWS_MAX = 32
/** Of so many fitting claims the one unproven for longest is taken. */
const CANDIDATES = 4
/** Objects looked at that keep one chunk. */
const ROOTS_MAX = 4
/** One claim in so many that are asked is one that was found false before: it may be true again. */
const ASK_AGAIN_ONE_IN = 2

/** A claim to be audited: of a copy that we have, too, or of a shard in a stripe whose other shards are elsewhere. */
export type AuditSubject =
  | { kind: 'copy'; id: ContentId }
  | { kind: 'shard'; id: ContentId; root: ContentId; stripe: Stripe }

/** What choosing needs. */
export interface AuditSubjectParts {
  self: PeerId
  holdings: Holdings
  kept: KeptObjects
  ledger: AuditLedger
  random: Random
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
}

/**
 * A claim of `peer` that we are able to check, drawn at random, those unproven for longest first; undefined when it
 * claims nothing that we have a part of.
 */
export async function chooseSubject(
  parts: AuditSubjectParts,
  peer: PeerId,
  signal: AbortSignal,
): Promise<AuditSubject | undefined> {
  const { random, ledger } = parts
  const again =
    random.integer(ASK_AGAIN_ONE_IN) === 0 ? await disprovedBefore(parts, peer, signal) : undefined
  if (again !== undefined) return again
  const candidates: AuditSubject[] = []
  for (let draw = 0; draw < DRAWS_MAX && candidates.length < CANDIDATES; draw++) {
    signal.throwIfAborted()
    // Its claims reach every copy that we share with it, ours every stripe of which we have a part.
    const subject =
      random.integer(2) === 0
        ? copyOf(parts, peer, parts.holdings.sampleOf(peer, random))
        : await nearOurs(parts, peer, parts.holdings.sampleOf(parts.self, random), signal)
    if (subject !== undefined) candidates.push(subject)
  }
  const provedAt = new Map(candidates.map((subject) => [subject, ledger.lastProved(peer, subject.id) ?? 0]))
  return candidates.sort((a, b) => (provedAt.get(a) ?? 0) - (provedAt.get(b) ?? 0))[0]
}

function copyOf(
  { holdings, self }: AuditSubjectParts,
  peer: PeerId,
  id: ContentId | undefined,
): AuditSubject | undefined {
  if (id === undefined || !holdings.keeps(self, id) || !holdings.keeps(peer, id)) return undefined
  return { kind: 'copy', id }
}

/** What the peer claims of the object that keeps this chunk of ours: the same chunk, or a shard of one of its stripes. */
async function nearOurs(
  parts: AuditSubjectParts,
  peer: PeerId,
  id: ContentId | undefined,
  signal: AbortSignal,
): Promise<AuditSubject | undefined> {
  if (id === undefined) return undefined
  const { kept, random, holdings, loadManifest } = parts
  for (const root of shuffled(random, kept.rootsOf(id).slice(0, ROOTS_MAX))) {
    if (kept.get(root)?.policy.kind !== 'rs') continue
    const manifest = await loadManifest(root, signal)
    const { stripes } = manifest.shape
    // From a manifest, which everybody has who has any part, to any of the stripes.
    const shards = manifest.stripeOf(id)?.ids ?? stripes[random.integer(Math.max(stripes.length, 1))] ?? []
    const shard = shuffled(random, shards).find((each) => holdings.keeps(peer, each))
    if (shard === undefined) continue
    const stripe = manifest.stripeOf(shard)
    if (stripe !== undefined) return copyOf(parts, peer, shard) ?? { kind: 'shard', id: shard, root, stripe }
  }
  return copyOf(parts, peer, id)
}

async function disprovedBefore(
  parts: AuditSubjectParts,
  peer: PeerId,
  signal: AbortSignal,
): Promise<AuditSubject | undefined> {
  const { ledger, holdings, random } = parts
  const claimed = [...ledger.disprovedOf(peer)].filter((id) => holdings.keeps(peer, id))
  const id = claimed[random.integer(Math.max(claimed.length, 1))]
  if (id === undefined) return undefined
  return copyOf(parts, peer, id) ?? (await shardOf(parts, id, signal))
}

async function shardOf(
  { kept, loadManifest }: AuditSubjectParts,
  id: ContentId,
  signal: AbortSignal,
): Promise<AuditSubject | undefined> {
  for (const { root, policy } of kept.list().slice(0, DRAWS_MAX)) {
    if (policy.kind !== 'rs') continue
    const stripe = (await loadManifest(root, signal)).stripeOf(id)
    if (stripe !== undefined) return { kind: 'shard', id, root, stripe }
  }
  return undefined
}
