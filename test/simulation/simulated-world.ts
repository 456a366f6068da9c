import type { ContentId } from '../../src/core/content-id.ts'
import { toKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import { MemoryNetworkHub } from '../../src/network/memory-network.ts'
import { SimulatedNode } from './simulated-node.ts'
import { Trace } from './trace.ts'

/** Bugs that can be planted, to see that the checkers find them. */
export interface PlantedBugs {
  /** Disks acknowledge a sync at once and do nothing. */
  syncLies: boolean
  /** Readers get what came without its being checked: one byte of every read is wrong. */
  readsLie: boolean
  /** Every node confirms the copies it is sent, and stores none. */
  copiesLie: boolean
  /** What is said in the space is acknowledged, and goes nowhere. */
  postsLie: boolean
  /** Nobody cares what time it is for the others. */
  clocksAlone: boolean
}

export const NO_BUGS: PlantedBugs = {
  syncLies: false,
  readsLie: false,
  copiesLie: false,
  postsLie: false,
  clocksAlone: false,
}

export interface WorldOptions {
  seed: number
  /** Whole nodes. @default 5 */
  nodes: number
  bugs: PlantedBugs
}

/** In a world without faults everybody is a member of one space by then. */
const GATHER_MS_MAX = 60_000

/** Something that must never be; it ends the run. */
export class InvariantViolation extends Error {
  override name = 'InvariantViolation'
}

/**
 * Several whole nodes (storage and content on a simulated disk and network) in one process, in virtual time, from one
 * seed. Nothing in it depends on anything but the seed: two worlds with the same one have the same history.
 */
export class SimulatedWorld {
  readonly clock = new VirtualClock()
  /** Draws what happens; the nodes draw from their own. */
  readonly random: SeededRandom
  readonly hub: MemoryNetworkHub
  readonly nodes: readonly SimulatedNode[]
  readonly trace = new Trace()
  /** Chunks of the unlucky node that were found rotten and are not healed yet. */
  readonly rot = new Set<ContentId>()
  readonly bugs: PlantedBugs
  /** The first violation seen outside the main line of a run. */
  violation: Error | undefined

  constructor(options: WorldOptions) {
    this.random = new SeededRandom(options.seed)
    this.bugs = options.bugs
    this.hub = new MemoryNetworkHub(
      { clock: this.clock, random: new SeededRandom(this.random.integer(2 ** 31)) },
      { delayMs: 5 },
    )
    this.hub.links.onArrival = ({ hops, sizeBytes }) =>
      this.trace.note(this.clock.monotonic(), hops.join('>'), sizeBytes)
    this.nodes = Array.from(
      { length: options.nodes },
      (_, index) => new SimulatedNode({ world: this, index, seed: this.random.integer(2 ** 31) }),
    )
  }

  /** The one node that may lie and lose data; it never publishes, so that nothing acknowledged depends on it. */
  get unlucky(): SimulatedNode {
    return this.nodes[0] as SimulatedNode
  }

  /** The node in whose space the others come together. */
  get founder(): SimulatedNode {
    return this.nodes.at(-1) as SimulatedNode
  }

  /** Starts every node and lets them come together in one space. */
  async start(): Promise<void> {
    for (const node of this.nodes) this.launch(node)
    await this.advance(5_000)
    const everybody = this.nodes.length
    for (let waitedMs = 0; waitedMs < GATHER_MS_MAX; waitedMs += 500) {
      if (this.nodes.every((node) => node.isUp && node.membership.members().length === everybody)) return
      await this.advance(500)
    }
    throw new InvariantViolation('the nodes do not come together in one space')
  }

  /** Starts a node in the background. A start that a disk error spoilt is tried again, as a supervisor would. */
  launch(node: SimulatedNode): void {
    const start = async () => {
      try {
        await node.start()
      } catch (error) {
        const { code, message } = toKizunaError(error)
        if (code === 'INTERNAL') throw error
        this.trace.note('not started', node.name, code, message)
        node.crash(this.random)
        this.clock.after(1_000, () => this.launch(node))
      }
    }
    if (!node.isAlive) this.watch(`start of ${node.name}`, start())
  }

  /** Lets time pass. @throws the first violation that something running in the background met. */
  async advance(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs)
    if (this.violation !== undefined) throw this.violation
  }

  /** A background action's unexpected failure becomes the run's. */
  watch(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.violation ??=
        error instanceof InvariantViolation
          ? error
          : new InvariantViolation(`${what} failed unexpectedly: ${describe(error)}`)
    })
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
