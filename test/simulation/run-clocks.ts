import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { shuffled } from '../../src/core/random.ts'
import { settled } from './checkers.ts'
import { listNotices, listPosts, NOTICE_MS, putNotice, putPost } from './post-record.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { InvariantViolation, NO_BUGS, SimulatedWorld } from './simulated-world.ts'

export interface ClocksResult {
  seed: number
  stateHash: string
  virtualMs: number
  /** Which clocks were wrong, and how. */
  wrong: string
  acknowledged: number
  /** The furthest that any record was dated from the right time, in milliseconds. */
  datedWrongMsMax: number
  failure: string | undefined
}

const NODES = 5
/** Fewer than half: the others outvote them. */
const WRONG = 2
const MINUTES = 40
const DAY_MS = 86_400_000
const FAULTS = ['ahead', 'behind', 'jumping', 'frozen', 'stepped'] as const
/** Records reach everybody by then, and dates are agreed on. */
const SPREAD_MS = 60_000
/** Members' dates are never further apart than this (the bound of the future). */
const DATED_WRONG_MS_MAX = 5 * 60_000
const STEP_MS_MAX = 20_000

interface Said {
  id: string
  node: SimulatedNode
  /** Monotonic, which is the right time. */
  at: number
}

/** One world in which two of five machines have wrong clocks, all the time or now and then. */
export async function runClocks(options: {
  seed: number
  /** Plants a bug: dates are each machine's own. @default false */
  clocksAlone?: boolean
  onStep?: (line: string) => void
}): Promise<ClocksResult> {
  const bugs = { ...NO_BUGS, clocksAlone: options.clocksAlone ?? false }
  const world = new SimulatedWorld({ seed: options.seed, nodes: NODES, bugs })
  const { random, clock } = world
  const wallAtZero = clock.now()
  const posts: Said[] = []
  const notices: Said[] = []
  const votes = new Map<string, string>()
  const kept: { node: SimulatedNode; publish: Promise<unknown> }[] = []
  const tell = (line: string) => options.onStep?.(`${clock.monotonic()} ms: ${line}`)
  const wrong = shuffled(random, world.nodes)
    .slice(0, WRONG)
    .map((node) => ({ node, fault: FAULTS[random.integer(FAULTS.length)] as (typeof FAULTS)[number] }))
  let datedWrongMsMax = 0
  let failure: string | undefined
  const noteDate = (createdAt: number) => {
    datedWrongMsMax = Math.max(datedWrongMsMax, Math.abs(createdAt - (wallAtZero + clock.monotonic())))
  }
  try {
    await world.start()
    // Everybody has asked everybody what time it is.
    await world.advance(SPREAD_MS)
    for (const { node, fault } of wrong) {
      tell(`${node.name}: ${fault}`)
      if (fault === 'ahead' || fault === 'stepped') node.wall.errorMs = DAY_MS
      if (fault === 'behind') node.wall.errorMs = -DAY_MS
      if (fault === 'frozen') node.wall.freeze(clock.now())
    }
    const endAt = clock.monotonic() + MINUTES * 60_000
    const restartAt = clock.monotonic() + random.integer(MINUTES * 60_000)
    const stepAt = clock.monotonic() + (MINUTES / 2) * 60_000
    let restarted = false
    while (clock.monotonic() < endAt) {
      await world.advance(1 + random.integer(STEP_MS_MAX))
      for (const { node, fault } of wrong) {
        if (fault === 'jumping' && random.integer(6) === 0)
          node.wall.errorMs = random.integer(2 * DAY_MS) - DAY_MS
        // The time service sets it right, in the middle of a vote.
        if (fault === 'stepped' && clock.monotonic() > stepAt) node.wall.heal()
      }
      if (!restarted && clock.monotonic() > restartAt) {
        restarted = true
        const { node } = wrong[0] as (typeof wrong)[number]
        tell(`${node.name} crashes and comes back`)
        node.crash(random)
        world.launch(node)
        continue
      }
      const node = world.nodes[random.integer(NODES)] as SimulatedNode
      if (!node.isSettled) continue
      const drawn = random.integer(10)
      if (drawn < 4) {
        const { id, createdAt } = await putPost(node.records, `post ${posts.length}`, 'said')
        posts.push({ id, node, at: clock.monotonic() })
        noteDate(createdAt)
      } else if (drawn < 6) {
        const { id, createdAt } = await putNotice(node.records, `notice ${notices.length}`)
        notices.push({ id, node, at: clock.monotonic() })
        noteDate(createdAt)
      } else if (drawn < 9) {
        const text = `choice ${clock.monotonic()}`
        const { createdAt } = await putPost(node.records, 'vote', text)
        votes.set(node.peer, text)
        noteDate(createdAt)
      } else {
        const bytes = random.bytes(2_000)
        const source = async function* () {
          yield bytes
        }
        const publish = node.content.publish(source(), { policy: { kind: 'replica', copies: 2 } })
        kept.push({ node, publish: publish.catch(onlyTyped) })
      }
      checkNoticesAlive(world, notices)
    }
    await world.advance(SPREAD_MS)
    await Promise.all(kept.map(({ publish }) => settled(world, publish)))
    checkEverythingIsThere(world, posts, votes)
    if (datedWrongMsMax > DATED_WRONG_MS_MAX) {
      throw new InvariantViolation(`a record was dated wrong by ${Math.round(datedWrongMsMax / 1000)} s`)
    }
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
    tell(`FAILED ${error instanceof Error ? error.stack : error}`)
  }
  for (const { id } of [...posts, ...notices]) world.trace.note(id)
  for (const node of world.nodes) node.crash(random)
  return {
    seed: options.seed,
    stateHash: world.trace.stateHash,
    virtualMs: clock.monotonic(),
    wrong: wrong.map(({ node, fault }) => `${node.name} ${fault}`).join(', '),
    acknowledged: posts.length + notices.length + votes.size + kept.length,
    datedWrongMsMax,
    failure,
  }
}

/** Nothing goes before its time, on any node that was up for a while. @throws InvariantViolation */
function checkNoticesAlive(world: SimulatedWorld, notices: readonly Said[]): void {
  const now = world.clock.monotonic()
  for (const node of world.nodes) {
    if (!node.isSettled || now - node.settledAt < SPREAD_MS) continue
    const here = new Set(listNotices(node.records).map(({ id }) => id as string))
    const gone = notices.find(
      ({ id, at }) => now - at > SPREAD_MS && now - at < NOTICE_MS - SPREAD_MS && !here.has(id),
    )
    if (gone === undefined) continue
    throw new InvariantViolation(
      `${node.name} has not what ${gone.node.name} said ${Math.round((now - gone.at) / 1000)} s ago for ${NOTICE_MS / 60_000} minutes`,
    )
  }
}

/** @throws InvariantViolation with the first acknowledged thing that is not on every node. */
function checkEverythingIsThere(
  world: SimulatedWorld,
  posts: readonly Said[],
  votes: ReadonlyMap<string, string>,
): void {
  for (const node of world.nodes) {
    const all = listPosts(node.records)
    const here = new Set(all.map(({ id }) => id as string))
    const lost = posts.filter(({ id }) => !here.has(id))
    if (lost.length > 0) {
      throw new InvariantViolation(
        `${node.name} lacks ${lost.length} of ${posts.length} acknowledged posts, one by ${lost[0]?.node.name}`,
      )
    }
    for (const [author, text] of votes) {
      const counted = all.find((post) => post.key === 'vote' && post.author === author)?.body
      if (counted !== text)
        throw new InvariantViolation(`${node.name} counts “${counted}” where “${text}” was the last word`)
    }
  }
}

/** A refusal with a reason is no promise broken. */
function onlyTyped(error: unknown): void {
  if (!isKizunaError(error) || error.code === 'INTERNAL' || error.code === 'DEADLINE_EXCEEDED') throw error
}
