import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { HandedOver, LongCallOptions } from './content.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObject, KeptObjects } from './kept-objects.ts'
import { without } from './known-copies.ts'
import type { ObjectManifest } from './object-manifest.ts'
import { groupsOf, strengthOfObject, targetOf } from './plan-copies.ts'
import type { Replicator } from './replicator.ts'

/** What handing over needs. */
export interface HandOverParts {
  self: PeerId
  kept: KeptObjects
  holdings: Holdings
  replicator: Replicator
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
}

/**
 * Gives the others what they would miss if we were gone: first what only we have, then the rest. What was given is
 * theirs, so that a second call, after an end in the middle, goes on where the first one ended.
 *
 * @returns the objects that are worse off without us: too few copies though there are more with us.
 */
export async function handOver(
  parts: HandOverParts,
  options: LongCallOptions & { dryRun?: boolean } = {},
): Promise<HandedOver[]> {
  const { self, kept, holdings, replicator, loadManifest } = parts
  const signal = options.signal ?? new AbortController().signal
  await holdings.syncAll({ signal })
  const missed: { object: KeptObject; result: HandedOver }[] = []
  const objects = kept.list()
  for (const [done, object] of objects.entries()) {
    const result = await stateOf(parts, object, signal)
    if (result !== undefined) missed.push({ object, result })
    options.onProgress?.({ phase: 'find', done: done + 1, total: objects.length, unit: 'items' })
  }
  missed.sort((a, b) => a.result.margin - b.result.margin)
  if (options.dryRun === true) return missed.map(({ result }) => result)
  const left: HandedOver[] = []
  const peers = new Set<PeerId>()
  for (const [done, { object }] of missed.entries()) {
    signal.throwIfAborted()
    const manifest = await loadManifest(object.root, signal)
    await replicator.ensure(object, manifest, {
      signal,
      leaver: self,
      onKept: (_, peer) => peers.add(peer),
    })
    const result = await stateOf(parts, object, signal)
    if (result !== undefined) left.push(result)
    options.onProgress?.({
      phase: 'hand over',
      done: done + 1,
      total: missed.length,
      unit: 'items',
      peers: peers.size,
    })
  }
  return left
}

/** How an object stands without us; undefined when nobody would miss our part, or nobody can read it as it is. */
async function stateOf(
  { self, replicator, loadManifest }: HandOverParts,
  object: KeptObject,
  signal: AbortSignal,
): Promise<HandedOver | undefined> {
  let manifest: ObjectManifest
  try {
    manifest = await loadManifest(object.root, signal)
  } catch {
    signal.throwIfAborted()
    return undefined
  }
  const groups = groupsOf(manifest.shape, object.policy)
  const holdersOf = replicator.copies.heldBy(replicator.members.now().counting)
  const now = strengthOfObject(groups, holdersOf)
  const then = strengthOfObject(groups, without(self, holdersOf))
  const target = targetOf(object.policy)
  const isLost = then.margin < 0 && now.margin >= 0
  if (!isLost && then.confirmed >= Math.min(target, now.confirmed)) return undefined
  return { id: object.root, confirmed: then.confirmed, target, margin: then.margin }
}
