/**
 * Nodes with everything that tasks rest on (records, membership, index, network in memory) on virtual time, whose
 * clocks run apart, and which can be cut off, killed and started again. What a task does is counted, not done.
 */
import type { Community } from '../content/community.ts'
import { type Clock, deadlineWith, sleepWith, type Timer } from '../core/clock.ts'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import type { Network } from '../network/network.ts'
import { createMembership } from '../records/community-membership.ts'
import type { Membership } from '../records/membership.ts'
import type { RecordSets } from '../records/record-sets.ts'
import { createRecordSets } from '../records/sqlite-record-sets.ts'
import { type IndexDatabase, openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { createTasks } from './create-tasks.ts'
import type { TaskFacts, TaskId, TaskRequest, Tasks, TaskView } from './task.ts'
import type { TaskRunners, TaskWork } from './task-worker.ts'

const JOIN_AGAIN_MS = 2_000
const SYNC_MS = 5_000

/** How a node differs from the others. */
export interface WorldNodeOptions {
  slots?: number
  /** @default 1 */
  cpuShare?: number
  /** 0 to 100. */
  machineLoad?: () => number
  /** How fast its monotonic clock runs. @default 1 */
  rate?: number
  /** How wrong its wall clock is (ms). */
  wallOffsetMs?: number
  /** What its work gives; @default the task's own input */
  work?: (input: unknown, work: TaskWork, node: WorldNode) => Promise<TaskFacts>
  log?: Logger
}

/** One beginning of the work of a task. */
export interface Execution {
  name: string
  worker: PeerId
  begunAt: number
  /** Undefined until it came to its end undisturbed. */
  endedAt: number | undefined
  /** When nobody was at work on it any more: done, stopped or killed. */
  leftAt: number | undefined
}

/** A clock beside the world's, which stops with the life of its node. */
class NodeClock implements Clock {
  readonly #base: VirtualClock
  readonly #options: { rate: number; wallOffsetMs: number }
  isDead = false

  constructor(base: VirtualClock, options: { rate: number; wallOffsetMs: number }) {
    this.#base = base
    this.#options = options
  }

  now(): number {
    return this.#base.now() + this.#options.wallOffsetMs
  }

  monotonic(): number {
    return this.#base.monotonic() * this.#options.rate
  }

  after(delayMs: number, action: () => void): Timer {
    return this.#base.after(delayMs / this.#options.rate, () => {
      if (!this.isDead) action()
    })
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, delayMs, signal)
  }

  deadline(delayMs: number, ...signals: (AbortSignal | undefined)[]): AbortSignal {
    return deadlineWith(this, delayMs, signals)
  }
}

interface Life {
  clock: NodeClock
  network: Network
  index: IndexDatabase
  records: RecordSets
  membership: Membership
  tasks: Tasks
}

/** One node: its key and disk outlive it. */
export class WorldNode {
  readonly key: SigningKey
  readonly #world: TasksWorld
  readonly #disk = new MemoryDisk()
  readonly options: WorldNodeOptions
  readonly #random: SeededRandom
  #life: Life | undefined

  constructor(world: TasksWorld, options: WorldNodeOptions) {
    this.#world = world
    this.options = options
    this.#random = new SeededRandom(world.random.integer(2 ** 31))
    this.key = signingKeyFromSeed(this.#random.bytes(32))
  }

  get peer(): PeerId {
    return this.key.peerId
  }

  get isUp(): boolean {
    return this.#life !== undefined
  }

  get tasks(): Tasks {
    return this.life.tasks
  }

  get life(): Life {
    if (this.#life === undefined) throw new Error('the node is down')
    return this.#life
  }

  async start(): Promise<void> {
    const { rate = 1, wallOffsetMs = 0 } = this.options
    const { hub, clock: base } = this.#world
    const clock = new NodeClock(base, { rate, wallOffsetMs })
    const random = new SeededRandom(this.#random.integer(2 ** 31))
    const metrics = createMetrics({ processMetrics: false })
    const index = openIndexDatabase(this.#disk.openDatabase('index.db'))
    const network = hub.createNetwork(this.key)
    const log = this.options.log ?? silentLogger
    const parts = { key: this.key, index, network, clock, random, log: silentLogger, metrics }
    const records = createRecordSets(parts, { gossip: true, syncIntervalMs: SYNC_MS })
    const isFounder = this.#world.nodes[0] === this
    const membership = await createMembership(
      { ...parts, records },
      { label: 'somebody', spaceName: 'home', admission: 'open', seeksSpace: !isFounder },
    )
    const community = communityOf(network, membership, clock)
    const tasks = createTasks(
      {
        ...parts,
        records,
        community,
        log,
        reputation: { report: (peer, deed) => this.#world.deeds.push({ peer, deed }) },
        runners: this.#runners(clock),
        machineLoad: this.options.machineLoad ?? (() => 0),
      },
      {
        slots: this.options.slots ?? 2,
        kinds: ['verify', 'hash', 'archive', 'transcode-image', 'wasm'],
        cpuShare: this.options.cpuShare ?? 1,
      },
    )
    if (this.#world.electorsForget) index.run('DELETE FROM task_lease')
    await network.start()
    await records.start()
    await tasks.start()
    this.#life = { clock, network, index, records, membership, tasks }
    for (const other of this.#world.nodes)
      if (other !== this) await network.keepConnected({ peer: other.peer, addresses: [] })
    if (!isFounder) this.#join(clock, membership)
  }

  /** The process is killed; what was on the disk stays. */
  crash(): void {
    const life = this.#life
    if (life === undefined) return
    this.#life = undefined
    life.clock.isDead = true
    for (const execution of this.#world.executions)
      if (execution.worker === this.peer) execution.leftAt ??= this.#world.clock.monotonic()
    this.#world.hub.crash(this.peer)
    // Everything it wrote was acknowledged by the database; a dead life must write nothing more.
    life.index.close()
  }

  async stop(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    await life.tasks.stop()
    life.membership.stop()
    await life.records.stop()
    await life.network.stop()
    this.crash()
  }

  #join(clock: NodeClock, membership: Membership): void {
    if (clock.isDead || membership.members().length > 1) return
    const founder = this.#world.nodes[0] as WorldNode
    membership
      .joinOpenSpaceOf(founder.peer)
      .catch(() => undefined)
      .finally(() => clock.after(JOIN_AGAIN_MS, () => this.#join(clock, membership)))
  }

  #runners(clock: NodeClock): TaskRunners {
    const run = async (input: { content: ContentId }, work: TaskWork): Promise<TaskFacts> => {
      // A killed process runs no further, though its promises in this one do.
      if (clock.isDead) return new Promise(() => {})
      const execution: Execution = {
        name: input.content,
        worker: this.peer,
        begunAt: this.#world.clock.monotonic(),
        endedAt: undefined,
        leftAt: undefined,
      }
      this.#world.executions.push(execution)
      if (this.options.work !== undefined) return this.options.work(input, work, this)
      try {
        for (let quarter = 1; quarter <= 4; quarter++) {
          await clock.sleep(this.#world.workMs / 4, work.signal)
          work.progress(quarter * 25, 'counting')
        }
        execution.endedAt = this.#world.clock.monotonic()
      } finally {
        execution.leftAt ??= this.#world.clock.monotonic()
      }
      return { said: input.content }
    }
    const refuse = () => Promise.reject(new Error('only hash is done in this world'))
    return { hash: run, verify: refuse, archive: refuse, 'transcode-image': refuse, wasm: refuse }
  }
}

/** Nodes, time, network, and what was done. */
export class TasksWorld {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly hub: MemoryNetworkHub
  readonly nodes: WorldNode[]
  readonly executions: Execution[] = []
  readonly deeds: { peer: PeerId; deed: string }[] = []
  /** How long a task takes. */
  workMs = 1_000
  /** A bug to plant: what electors promised is gone when they come back. */
  electorsForget = false
  #named = 0

  constructor(options: { seed?: number; nodes: readonly WorldNodeOptions[]; delayMs?: number }) {
    this.random = new SeededRandom(options.seed ?? 1)
    this.hub = new MemoryNetworkHub(
      { clock: this.clock, random: new SeededRandom(this.random.integer(2 ** 31)) },
      { delayMs: options.delayMs ?? 5 },
    )
    this.nodes = options.nodes.map((each) => new WorldNode(this, each))
  }

  /** All are up and members of one space. */
  async start(): Promise<void> {
    for (const node of this.nodes) await node.start()
    await this.until(() =>
      this.nodes.every(
        ({ life }) =>
          life.membership.members().length === this.nodes.length &&
          life.network.connectedPeers().length === this.nodes.length - 1,
      ),
    )
  }

  node(index: number): WorldNode {
    return this.nodes[index] as WorldNode
  }

  /** A task that is new in this world, under a name of its own. */
  next(): Pick<TaskRequest, 'kind' | 'input' | 'requestedBy'> & { name: string } {
    const content = contentIdOf(Buffer.from(`thing ${this.#named++}`))
    return { kind: 'hash', input: { content }, requestedBy: 'oak', name: content }
  }

  executionsOf(name: string): Execution[] {
    return this.executions.filter((each) => each.name === name)
  }

  /** Lets time pass until a condition holds. */
  async until(condition: () => boolean, limitMs = 300_000, what = 'the condition'): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 250) {
      if (condition()) return
      await this.clock.advance(250)
    }
    throw new Error(`${what} did not hold within ${limitMs} ms`)
  }

  /** Waits for work while time passes. */
  async run<Result>(work: Promise<Result>, limitMs = 300_000): Promise<Result> {
    let isDone = false
    work.then(
      () => {
        isDone = true
      },
      () => {
        isDone = true
      },
    )
    await this.until(() => isDone, limitMs)
    return work
  }

  /** Waits until a task has ended. */
  async ended(node: WorldNode, id: TaskId, limitMs?: number): Promise<TaskView> {
    await this.until(() => node.isUp && node.tasks.get(id).endedAt !== undefined, limitMs, `end of ${id}`)
    return node.tasks.get(id)
  }

  stop(): void {
    for (const node of this.nodes) node.crash()
  }
}

function communityOf(network: Network, membership: Membership, clock: Clock): Community {
  return {
    self: network.peerId,
    publicReading: true,
    isMember: (peer) => membership.isMember(peer),
    onChange: () => () => {},
    members: () =>
      membership
        .members()
        .filter(({ peer }) => peer !== network.peerId)
        .map(({ peer }) => ({
          peer,
          online: network.isConnected(peer),
          lastSeenAt: clock.now(),
          stores: true,
          freeBytes: 0,
          uptime: 1,
          failureDomain: peer,
          latencyMs: undefined,
          holdings: undefined,
        })),
  }
}
