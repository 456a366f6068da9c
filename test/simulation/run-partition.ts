import { hash } from 'node:crypto'
import type { ContentId } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { type SeededRandom, shuffled } from '../../src/core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../../src/core/signing-key.ts'
import { FILE_KIND, putFileRecord } from '../../src/records/file-record.ts'
import { putFileRemoval } from '../../src/records/removal-record.ts'
import { settled } from './checkers.ts'
import { listPosts, putPost } from './post-record.ts'
import { stateHashOf } from './record-state.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { InvariantViolation, NO_BUGS, SimulatedWorld } from './simulated-world.ts'

export interface PartitionOptions {
  seed: number
  /** Posts made on all sides while the network is cut, besides what people do. @default 0 */
  entries?: number
  /** Shortest cut, in virtual milliseconds. @default 1 s */
  cutMsMin?: number
  /** Longest cut, in virtual milliseconds. @default 2 hours */
  cutMsMax?: number
  /** Told what happens. */
  onStep?: (line: string) => void
}

export interface PartitionResult {
  seed: number
  stateHash: string
  cut: string
  cutMs: number
  virtualMs: number
  /** Things acknowledged while the network was cut. */
  acknowledged: number
  /** From the end of the cut until all nodes had the same state; undefined when that took too long. */
  equalAfterMs: number | undefined
  failure: string | undefined
}

const NODES = 5
const CUT_MS_MIN = 1_000
const CUT_MS_MAX = 2 * 3_600_000
/** All nodes have the same state by then after the end of the cut. */
export const EQUAL_MS_MAX = 30_000
const LOOK_EVERY_MS = 500
const ACTIONS_MAX = 14
/** Peers without a node, for membership to change without anybody being away. */
const GHOSTS = 6

/** What was acknowledged and must be everywhere in the end. */
interface Promised {
  posts: string[]
  /** “author key” → text of its newest version. */
  votes: Map<string, string>
  /** Shared → publisher; without what was taken back. */
  files: Map<ContentId, { publisher: SimulatedNode; bytes: Uint8Array }>
  count: number
}

/** One world whose network is cut while its members share, keep, forget, vote, talk and change who is a member. */
export async function runPartition(options: PartitionOptions): Promise<PartitionResult> {
  const world = new SimulatedWorld({ seed: options.seed, nodes: NODES, bugs: NO_BUGS })
  const { random, hub } = world
  const promised: Promised = { posts: [], votes: new Map(), files: new Map(), count: 0 }
  const tell = (line: string) => options.onStep?.(`${world.clock.monotonic()} ms: ${line}`)
  let cut = ''
  let cutMs = 0
  let equalAfterMs: number | undefined
  let failure: string | undefined
  try {
    await world.start()
    const admin = world.nodes[1] as SimulatedNode
    await settled(world, world.founder.membership.appoint(admin.peer, 'admin'))
    await world.advance(2_000)

    const groups = chooseCut(world)
    cut = groups.map((group) => group.map(({ name }) => name.slice(-1)).join('')).join('|')
    const { cutMsMin = CUT_MS_MIN, cutMsMax = CUT_MS_MAX } = options
    // As many cuts of seconds as of minutes as of hours.
    cutMs = Math.round(cutMsMin * (cutMsMax / cutMsMin) ** random.fraction())
    hub.partition(groups.map((group) => group.map(({ peer }) => peer)))
    tell(`cut ${cut} for ${cutMs} ms`)
    const endAt = world.clock.monotonic() + cutMs
    const actions = 2 + random.integer(ACTIONS_MAX - 1)
    const moments = Array.from({ length: actions }, () => random.integer(cutMs)).sort((a, b) => a - b)
    for (const moment of moments) {
      await world.advance(Math.max(endAt - cutMs + moment - world.clock.monotonic(), 0))
      tell(await act(world, promised))
    }
    for (let index = 0; index < (options.entries ?? 0); index++) {
      const node = world.nodes[index % NODES] as SimulatedNode
      promised.posts.push((await putPost(node.records, `entry ${index}`, 'an entry')).id)
    }
    await world.advance(Math.max(endAt - world.clock.monotonic(), 0))

    hub.heal()
    const healedAt = world.clock.monotonic()
    tell('healed')
    while (world.clock.monotonic() - healedAt < EQUAL_MS_MAX && equalAfterMs === undefined) {
      await world.advance(LOOK_EVERY_MS)
      if (new Set(world.nodes.map(stateHashOf)).size === 1) equalAfterMs = world.clock.monotonic() - healedAt
    }
    if (equalAfterMs === undefined) throw new InvariantViolation(whatDiffers(world))
    // Calls that the cut held up.
    await world.advance(30_000)
    checkPromises(world, promised)
    await checkReads(world, promised)
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
    tell(`FAILED ${error instanceof Error ? error.stack : error}`)
  }
  for (const node of world.nodes) if (node.isUp) world.trace.note(node.name, stateHashOf(node))
  for (const node of world.nodes) node.crash(random)
  const { stateHash } = world.trace
  const { seed } = options
  const virtualMs = world.clock.monotonic()
  return { seed, stateHash, cut, cutMs, virtualMs, acknowledged: promised.count, equalAfterMs, failure }
}

/** Two sides, three, or two with one node that reaches both. */
function chooseCut(world: SimulatedWorld): SimulatedNode[][] {
  const mixed = shuffled(world.random, world.nodes)
  const kind = world.random.integer(3)
  if (kind === 0) {
    const first = 1 + world.random.integer(NODES - 1)
    return [mixed.slice(0, first), mixed.slice(first)]
  }
  if (kind === 1) return [mixed.slice(0, 1), mixed.slice(1, 3), mixed.slice(3)]
  return [mixed.slice(0, 3), mixed.slice(2)]
}

/** Somebody does something; it counts as acknowledged when it answers while the network is cut or later. */
async function act(world: SimulatedWorld, promised: Promised): Promise<string> {
  const { random, nodes, founder } = world
  const node = nodes[random.integer(nodes.length)] as SimulatedNode
  const drawn = random.integer(100)
  const acknowledged = () => {
    promised.count++
  }
  if (drawn < 25) {
    promised.posts.push((await putPost(node.records, `post ${promised.count}`, 'something said')).id)
    acknowledged()
    return `${node.name} posts`
  }
  if (drawn < 40) {
    const key = `vote ${random.integer(2)}`
    const text = `choice ${random.integer(3)}`
    await putPost(node.records, key, text)
    promised.votes.set(`${node.peer} ${key}`, text)
    acknowledged()
    return `${node.name} votes ${text} on ${key}`
  }
  if (drawn < 60) {
    begin(world, 'share', () => share(node, random, promised).then(acknowledged))
    return `${node.name} shares`
  }
  const files = [...promised.files]
  const [id, file] = files[random.integer(Math.max(files.length, 1))] ?? []
  if (drawn < 68 && id !== undefined) {
    begin(world, 'keep', () => node.content.keep(id, { timeoutMs: 5_000 }).then(acknowledged))
    return `${node.name} keeps ${id}`
  }
  if (drawn < 76 && id !== undefined && file !== undefined) {
    promised.files.delete(id)
    await putFileRemoval(file.publisher.records, id)
    await file.publisher.content.forget(id)
    acknowledged()
    return `${file.publisher.name} takes back ${id}`
  }
  const ghost = ghostOf(random)
  if (drawn < 90) {
    const leader = random.integer(2) === 0 ? founder : (nodes[1] as SimulatedNode)
    const what = random.integer(2) === 0 || leader !== founder ? 'removes' : 'lets in'
    begin(world, what, async () => {
      if (what === 'removes') await leader.membership.remove(ghost)
      else await leader.membership.appoint(ghost, 'member')
      acknowledged()
    })
    return `${leader.name} ${what} ${ghost.slice(-6)}`
  }
  begin(world, 'invite', async () => {
    const { id: invite } = await node.membership.invite({ lifetimeMs: 3_600_000, uses: 'single' })
    await node.membership.revokeInvite(invite)
    acknowledged()
  })
  return `${node.name} makes an invite and revokes it`
}

async function share(node: SimulatedNode, random: SeededRandom, promised: Promised): Promise<void> {
  const bytes = random.bytes(1 + random.integer(3_000))
  const source = async function* () {
    yield bytes
  }
  const policy = { kind: 'replica', copies: 2 } as const
  const { id } = await node.content.publish(source(), { policy, acknowledge: 'local' })
  const facts = {
    id,
    name: 'a file',
    mediaType: 'text/plain',
    sizeBytes: bytes.byteLength,
    policy: 'replica:2',
  }
  const sha256 = hash('sha256', bytes)
  await putFileRecord(node.records, node.peer, {
    ...facts,
    sha256,
    chunks: 1,
    parityChunks: 0,
    kind: 'file',
    sealedKey: undefined,
  })
  promised.files.set(id, { publisher: node, bytes })
}

/** What the world refuses with a reason is no promise; anything else that goes wrong is a violation. */
function begin(world: SimulatedWorld, what: string, work: () => Promise<unknown>): void {
  const quiet = async () => {
    try {
      await work()
    } catch (error) {
      if (!isKizunaError(error) || error.code === 'INTERNAL') throw error
    }
  }
  world.watch(what, quiet())
}

function ghostOf(random: SeededRandom): PeerId {
  return signingKeyFromSeed(new Uint8Array(32).fill(200 + random.integer(GHOSTS))).peerId
}

/** @throws InvariantViolation with the first acknowledged thing that is not on every node. */
function checkPromises(world: SimulatedWorld, promised: Promised): void {
  for (const node of world.nodes) {
    const posts = listPosts(node.records)
    const ids = new Set(posts.map(({ id }) => id as string))
    const lost = promised.posts.filter((id) => !ids.has(id))
    if (lost.length > 0)
      throw new InvariantViolation(`${node.name} has lost ${lost.length} acknowledged posts`)
    const votes = new Map(posts.map(({ author, key, body }) => [`${author} ${key}`, body]))
    for (const [slot, text] of promised.votes) {
      if (votes.get(slot) !== text)
        throw new InvariantViolation(`${node.name} counts another vote for ${slot}`)
    }
    const files = new Set(node.records.list(FILE_KIND).map(({ key }) => key as string))
    for (const id of promised.files.keys()) {
      if (!files.has(id)) throw new InvariantViolation(`${node.name} does not list ${id}`)
    }
  }
}

/** Everything shared reads on another node. @throws InvariantViolation */
async function checkReads(world: SimulatedWorld, promised: Promised): Promise<void> {
  for (const [id, { publisher, bytes }] of promised.files) {
    const others = world.nodes.filter((node) => node !== publisher)
    const reader = others[world.random.integer(others.length)] as SimulatedNode
    const read = async () => {
      const { bytes: pieces } = await reader.content.retrieve(id)
      return Buffer.concat(await Array.fromAsync(pieces))
    }
    const got = await settled(world, read())
    if (!got.equals(bytes)) throw new InvariantViolation(`${reader.name} read wrong bytes of ${id}`)
  }
}

function whatDiffers(world: SimulatedWorld): string {
  const counts = world.nodes.map(
    (node) =>
      `${node.name} ${stateHashOf(node).slice(0, 6)} with ${listPosts(node.records).length} posts, ${node.membership.members().length} members, connected to ${world.nodes.filter((other) => node.isConnectedTo(other)).map(({ name }) => name.slice(-1))}`,
  )
  return `the states differ ${EQUAL_MS_MAX / 1000} s after the cut: ${counts.join('; ')}`
}
