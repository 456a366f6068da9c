import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { MembersNow } from './counting-members.ts'
import { askHave } from './dds-client.ts'
import type { KeptObject, KeptObjects } from './kept-objects.ts'
import { type HoldersOf, type KnownCopies, without } from './known-copies.ts'
import { rankCandidates } from './place-chunks.ts'
import { type PlacementGroup, strengthOf } from './plan-copies.ts'

/**
 * Copies beyond the policy's that are left alone: the copy made while a member was away stays when it returns, so
 * that its next absence makes none (Chun et al., NSDI 2006, §4: a system that remembers returning copies soon stops
 * making new ones).
 */
const SPARE_COPIES = 1
const ASK_TIMEOUT_MS = 10_000
/** Holders asked before a copy goes. */
const HOLDERS_ASKED_MAX = 64

/** What letting go of surplus copies needs. */
export interface TrimmerParts {
  network: Network
  kept: KeptObjects
  copies: KnownCopies
  clock: Clock
  log: Logger
  metrics: Metrics
}

/**
 * Lets go of copies that nobody needs: when there were more than the policy's and one to spare for a long time, all
 * of their holders here, the holder that ranks last drops its own after hearing from the others that they still have
 * theirs. Never what this machine's owner keeps; never two at once, because a copy that is about to go is first said
 * to be kept no more.
 */
export class Trimmer {
  readonly #parts: TrimmerParts
  readonly #options: { afterMs: number; standbyMs: number }
  /** Since when a group has too many, on the monotonic scale. */
  readonly #surplusSince = new Map<string, number>()

  constructor(parts: TrimmerParts, options: { afterMs: number; standbyMs: number }) {
    this.#parts = parts
    this.#options = options
  }

  /** Whether time alone may make a copy go. */
  get isWaiting(): boolean {
    return this.#surplusSince.size > 0
  }

  /** Groups not named have none to spare any more. */
  forgetOthers(names: ReadonlySet<string>): void {
    for (const name of this.#surplusSince.keys()) if (!names.has(name)) this.#surplusSince.delete(name)
  }

  /** Notes a surplus; true when it lasted long enough and it is our turn. */
  isDue(name: string, group: PlacementGroup, members: MembersNow): boolean {
    const { clock, network } = this.#parts
    const here = this.#parts.copies.heldBy(members.online)
    const droppable = surplusIds(group, here)
    if (droppable.length === 0) {
      this.#surplusSince.delete(name)
      return false
    }
    const since = this.#surplusSince.get(name) ?? clock.monotonic()
    this.#surplusSince.set(name, since)
    const holders = new Set(droppable.flatMap(here))
    const ranked = rankCandidates(
      group.key,
      // Weights differ from view to view; the turn must be the same for everybody.
      [...holders].map((peer) => ({ peer, weight: 1, failureDomain: peer })),
    ).reverse()
    const place = ranked.findIndex(({ peer }) => peer === network.peerId)
    const { afterMs, standbyMs } = this.#options
    return place >= 0 && clock.monotonic() - since >= afterMs + place * standbyMs
  }

  /** Drops our copies of the group if all others confirm theirs. */
  async trim(
    object: KeptObject,
    group: PlacementGroup,
    members: MembersNow,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { kept, copies, network, log, metrics } = this.#parts
    const here = copies.heldBy(members.online)
    const held = new Set(surplusIds(group, here).filter((id) => here(id).includes(network.peerId)))
    const ids = kept.onlyForSpace(object.root, [...held])
    // The manifest stays as long as anything else of the object does: whoever keeps a part can repair the whole.
    if (ids.length === 0 || ids.length < held.size) return false
    const went = await kept.yieldChunks(object.root, ids, async () => {
      const fresh = await this.#askOthers(ids, group, here, signal)
      return isEnough(group, ids, fresh) && isAsSpread(group, here, fresh, members)
    })
    if (!went) return false
    metrics.count('kizuna_copies_trimmed_total', {}, ids.length)
    log.info('copies let go that nobody needs', { root: object.root, copies: ids.length })
    return true
  }

  /** Who of the others has each of the group's chunks and keeps it, by its own word of just now. */
  async #askOthers(
    ids: readonly ContentId[],
    group: PlacementGroup,
    here: HoldersOf,
    signal: AbortSignal,
  ): Promise<HoldersOf> {
    const { network } = this.#parts
    const asked = group.kind === 'stripe' ? group.ids : ids
    const others = new Set(asked.flatMap(without(network.peerId, here)))
    const found = new Map<ContentId, PeerId[]>()
    await Promise.all(
      [...others].slice(0, HOLDERS_ASKED_MAX).map(async (peer) => {
        const call = { signal, timeoutMs: ASK_TIMEOUT_MS }
        const answer = await askHave(network, peer, { ids: asked }, call).catch(() => undefined)
        for (const [place, id] of asked.entries())
          if (answer?.held[place] === true && answer.kept[place] === true)
            found.set(id, [...(found.get(id) ?? []), peer])
      }),
    )
    return (id) => found.get(id) ?? []
  }
}

/** Chunks of which there are more copies than the policy's and one to spare. */
function surplusIds(group: PlacementGroup, holdersOf: HoldersOf): ContentId[] {
  if (group.kind !== 'stripe')
    return group.ids.filter((id) => holdersOf(id).length > group.copies + SPARE_COPIES)
  // Equal shards need a peer each: which of their copies is too many cannot be told by the id.
  if (group.ids.length < group.places.length || strengthOf(group, holdersOf).confirmed < group.full) return []
  const doubled = group.ids.filter((id) => holdersOf(id).length > 1)
  const surplus = doubled.reduce((sum, id) => sum + holdersOf(id).length - 1, 0)
  return surplus > SPARE_COPIES ? doubled : []
}

function isEnough(group: PlacementGroup, ids: readonly ContentId[], others: HoldersOf): boolean {
  if (group.kind === 'stripe') return strengthOf(group, others).confirmed >= group.full
  return ids.every((id) => others(id).length >= group.copies + SPARE_COPIES)
}

/** Whether the others lie in as many failure domains as the policy wants, if it had that before. */
function isAsSpread(
  group: PlacementGroup,
  before: HoldersOf,
  after: HoldersOf,
  members: MembersNow,
): boolean {
  const domains = (holdersOf: HoldersOf) =>
    new Set(group.ids.flatMap(holdersOf).map(members.failureDomainOf)).size
  const wanted = group.kind === 'stripe' ? group.full : group.copies
  return domains(after) >= Math.min(wanted, domains(before))
}
