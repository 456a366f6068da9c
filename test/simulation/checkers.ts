import { isKizunaError } from '../../src/core/kizuna-error.ts'
import type { PeerId } from '../../src/core/signing-key.ts'
import { FRAMES_BUFFERED_MAX } from '../../src/network/memory-stream.ts'
import { type Acknowledged, type AcknowledgedPost, type Ledger, reasonOf } from './ledger.ts'
import { listPosts } from './post-record.ts'
import { stateHashOf } from './record-state.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { InvariantViolation, type SimulatedWorld } from './simulated-world.ts'

/** A call in a quiet world ends by then (virtual milliseconds). */
const CALL_MS_MAX = 10 * 60_000
const LOOK_EVERY_MS = 20_000
/** What may wait, as `damaged-chunks.ts` and `replicator.ts` say; announcements wait in the index, one row an id. */
const QUEUES_MAX = { repair: 10_000, replicate: 1_002 }

/** No queue passes its limit, at any moment. */
export function checkQueues(world: SimulatedWorld): void {
  const frames = world.hub.bufferedFramesMax()
  if (frames > FRAMES_BUFFERED_MAX) throw new InvariantViolation(`${frames} frames of one request are unread`)
  for (const node of world.nodes.filter(({ isUp }) => isUp)) {
    const queues = node.content.queues()
    for (const name of ['repair', 'replicate'] as const) {
      if (queues[name] <= QUEUES_MAX[name]) continue
      throw new InvariantViolation(`${queues[name]} wait in the ${name} queue of ${node.name}`)
    }
  }
}

/**
 * Lets the world be quiet until every object is held as its policy says, and everybody agrees on who holds what.
 * @throws InvariantViolation when that does not come about.
 */
export async function checkTargetsWhenQuiet(
  world: SimulatedWorld,
  ledger: Ledger,
  quietMs: number,
): Promise<void> {
  let lacking: string | undefined
  for (let waitedMs = 0; waitedMs < quietMs; waitedMs += LOOK_EVERY_MS) {
    await world.advance(LOOK_EVERY_MS)
    try {
      lacking =
        (await exposeRot(world)) ?? (await findLack(world, ledger, waitedMs + LOOK_EVERY_MS >= quietMs))
    } catch (error) {
      // Those who just came back may not have found each other yet.
      if (!isKizunaError(error) || error.code === 'INTERNAL') throw error
      lacking = reasonOf(error)
    }
    if (lacking === undefined) {
      world.trace.note('at target', world.clock.monotonic())
      return
    }
  }
  throw new InvariantViolation(
    `${quietMs / 60_000} minutes of quiet do not bring back the targets: ${lacking}`,
  )
}

/** Everything acknowledged reads as it was published, on the nodes that `chooseNodes` gives for each object. */
export async function checkEverythingReads(
  world: SimulatedWorld,
  ledger: Ledger,
  chooseNodes: () => readonly SimulatedNode[],
): Promise<void> {
  for (const object of ledger.acknowledged) {
    for (const node of chooseNodes()) {
      const read = ledger.read(node, object).then(
        () => undefined,
        (error: unknown) => (error instanceof InvariantViolation ? error.message : reasonOf(error)),
      )
      const failure = await settled(world, read)
      if (failure !== undefined) {
        throw new InvariantViolation(
          `${node.name} cannot read ${object.id}, acknowledged to ${object.publisher.name} as ${object.published.acknowledged} with ${object.published.copies} copies: ${failure}`,
        )
      }
    }
  }
}

/**
 * Rot that nobody reads is known to nobody: somebody is made to notice it, and the checks wait until it is healed.
 * Those to whom the unlucky node lied do not speak with it for a while; then another one tells it, or the same later.
 */
async function exposeRot(world: SimulatedWorld): Promise<string | undefined> {
  const { unlucky, nodes, rot } = world
  for (const id of await unlucky.findRot()) rot.add(id)
  for (const id of rot) {
    if (!unlucky.keepsAny([id]) || (await unlucky.holdsInTruth(id))) {
      rot.delete(id)
      continue
    }
    for (const reader of nodes.filter((node) => node !== unlucky && node.isUp)) {
      const told = await settled(
        world,
        reader.notifyOfRot(unlucky, id).then(
          () => true,
          () => false,
        ),
      )
      if (told) break
    }
  }
  return rot.size === 0 ? undefined : `${rot.size} chunks of ${unlucky.name} are rotten`
}

/** Everything said and acknowledged is on every node. @throws InvariantViolation with what is missing where. */
export function checkPosts(nodes: readonly SimulatedNode[], posts: readonly AcknowledgedPost[]): void {
  for (const node of nodes) {
    const here = new Set(listPosts(node.records).map(({ id }) => id as string))
    const missing = posts.filter(({ recordId }) => !here.has(recordId))
    if (missing.length > 0) {
      throw new InvariantViolation(
        `${node.name} lacks ${missing.length} of ${posts.length} acknowledged posts, one by ${missing[0]?.author.name}`,
      )
    }
  }
}

/** The first thing that is not yet as it should be. */
async function findLack(
  world: SimulatedWorld,
  ledger: Ledger,
  inDetail: boolean,
): Promise<string | undefined> {
  const down = world.nodes.filter(({ isUp }) => !isUp)
  if (down.length > 0) return `${down.map(({ name }) => name)} did not come back`
  if (ledger.running > 0) return `${ledger.running} calls are underway`
  const states = new Set(world.nodes.map(stateHashOf))
  if (states.size > 1) return `${states.size} different states of records`
  for (const { id, published } of ledger.acknowledged) {
    // How many peers may be lost: also true for the short stripe at the end, which has fewer shards.
    const target = published.policy.kind === 'replica' ? published.policy.copies - 1 : published.policy.m
    // By chunk, not by object: equal chunks of two objects are one, and its keepers keep a part of both.
    const kept = [...new Set(world.nodes.flatMap((node) => node.keptChunksOf(id)))]
    // Who has its manifest alone holds nothing of it, unless there is nothing else.
    const chunkIds = kept.length === 1 ? kept : kept.filter((chunk) => chunk !== id)
    const keepers = world.nodes.filter((node) => node.keepsAny(chunkIds)).map(({ peer }) => peer)
    for (const node of world.nodes) {
      const { holders, margin } = await settled(world, node.content.durability(id))
      if (holders.toSorted().join() !== keepers.toSorted().join()) {
        return `${node.name} believes ${namesOf(world, holders)} to keep parts of ${id}, in truth it is ${namesOf(world, keepers)}`
      }
      if (margin < target) {
        return `${node.name} sees that ${margin} of ${target} peers may be lost for ${id}${inDetail ? ` (${await describeHolders(world, node, id)})` : ''}`
      }
    }
  }
  return findBrokenPromise(world, ledger)
}

/** A chunk that a node keeps by its own books and does not have. */
async function findBrokenPromise(world: SimulatedWorld, ledger: Ledger): Promise<string | undefined> {
  for (const { id } of ledger.acknowledged) {
    for (const node of world.nodes) {
      for (const chunk of node.keptChunksOf(id)) {
        if (!(await node.holdsInTruth(chunk))) return `${node.name} keeps ${chunk} for ${id} and has it not`
      }
    }
  }
  return undefined
}

/** Who says and who really keeps each chunk of an object: `bafk…: said by 0,2, in truth 0,2,4`. */
async function describeHolders(
  world: SimulatedWorld,
  node: SimulatedNode,
  id: Acknowledged['id'],
): Promise<string> {
  const { chunkMap } = await settled(world, node.content.diagnose(id))
  const lines: string[] = []
  for (const { id: chunk, peers } of chunkMap) {
    const truth: PeerId[] = []
    for (const other of world.nodes) if (await other.holdsInTruth(chunk)) truth.push(other.peer)
    lines.push(`${chunk.slice(0, 14)}: said by ${namesOf(world, peers)}, in truth ${namesOf(world, truth)}`)
  }
  return lines.join('; ')
}

function namesOf(world: SimulatedWorld, peers: readonly PeerId[]): string {
  const numbers = peers.map((peer) => world.nodes.findIndex((node) => node.peer === peer))
  return numbers.toSorted().join(',')
}

/** The result, with time passing until it is there. */
export async function settled<Result>(world: SimulatedWorld, work: Promise<Result>): Promise<Result> {
  let isOver = false
  const over = work.then(
    () => {},
    () => {},
  )
  void over.then(() => {
    isOver = true
  })
  let stepMs = 0
  for (let waitedMs = 0; !isOver && waitedMs < CALL_MS_MAX; waitedMs += stepMs) {
    await world.advance(stepMs)
    stepMs = Math.min(stepMs + 1, 100)
  }
  if (!isOver) throw new InvariantViolation('a call in a quiet world does not end')
  return work
}
