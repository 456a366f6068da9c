import type { Content } from '../../src/content/content.ts'
import { signCorruptionNotice } from '../../src/content/corruption-notice.ts'
import { createContent } from '../../src/content/create-content.ts'
import { sendCorruptionNotice } from '../../src/content/dds-client.ts'
import { KEEPERS } from '../../src/content/kept-objects.ts'
import type { ContentId } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { type Random, SeededRandom } from '../../src/core/random.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../../src/core/signing-key.ts'
import { Bandwidth } from '../../src/network/bandwidth.ts'
import { createGuardedNetwork } from '../../src/network/guarded-network.ts'
import type { Network } from '../../src/network/network.ts'
import { RateLimits } from '../../src/network/rate-limits.ts'
import { forgetfulReputationStore, Reputation } from '../../src/network/reputation.ts'
import type { ChunkStore } from '../../src/storage/chunk-store.ts'
import { openFileChunkStore } from '../../src/storage/file-chunk-store.ts'
import { type IndexDatabase, openIndexDatabase } from '../../src/storage/index-database.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { Pins } from '../../src/storage/pins.ts'
import { createLyingNetwork } from './lying-network.ts'
import { LifeClock, LifeDisk, NodeLife } from './node-life.ts'
import { SimulatedCommunity } from './simulated-community.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/** Repair in minutes instead of the usual tens of them: a simulated hour should see many. */
const REPAIR = { graceMs: 120_000, settleMs: 10_000, standbyMs: 20_000, repairIntervalMs: 30_000 }

interface Running {
  network: Network
  index: IndexDatabase
  chunks: ChunkStore
  pins: Pins
  content: Content
}

/** One whole node of the simulated world: it lives, dies and comes back, and its disk and key stay. */
export class SimulatedNode {
  readonly name: string
  readonly key: SigningKey
  readonly disk = new MemoryDisk()
  /** Whether it turns bits over in what it serves. */
  isLying = false
  /** The current or the last life. */
  life = new NodeLife()
  readonly #world: SimulatedWorld
  readonly #random: SeededRandom
  #running: Running | undefined
  #isStarting = false

  constructor(options: { world: SimulatedWorld; index: number; seed: number }) {
    this.name = `node ${options.index}`
    this.#world = options.world
    this.#random = new SeededRandom(options.seed)
    this.key = signingKeyFromSeed(this.#random.bytes(32))
  }

  get peer(): PeerId {
    return this.key.peerId
  }

  get isUp(): boolean {
    return this.#running !== undefined
  }

  /** Up, or on the way. */
  get isAlive(): boolean {
    return this.isUp || this.#isStarting
  }

  get content(): Content {
    if (this.#running === undefined) throw new Error(`${this.name} is not up`)
    return this.#running.content
  }

  /** Chunks that the node keeps for the object. */
  keptChunksOf(root: ContentId): ContentId[] {
    const { pins } = this.#running ?? {}
    return KEEPERS.flatMap((owner) => pins?.chunkIdsOf({ root, owner }) ?? [])
  }

  /** Whether the node keeps any of these, for whatever object. */
  keepsAny(ids: readonly ContentId[]): boolean {
    return ids.some((id) => this.#running?.pins.has(id) === true)
  }

  /** Whether the node keeps the chunk, intact, as a copy that counts: looked up in its own store, not asked. */
  async holdsInTruth(id: ContentId): Promise<boolean> {
    const running = this.#running
    if (running === undefined || !running.pins.has(id)) return false
    return running.chunks.get(id).then(
      () => true,
      () => false,
    )
  }

  /** Chunks whose bytes on the disk are not theirs any more, known to the node or not. */
  async findRot(): Promise<ContentId[]> {
    const rotten: ContentId[] = []
    const { chunks } = this.#running ?? {}
    if (chunks === undefined) return rotten
    for await (const id of chunks.ids()) {
      await chunks.get(id).catch((error: unknown) => {
        if (isKizunaError(error, 'CHUNK_CORRUPT')) rotten.push(id)
      })
    }
    return rotten
  }

  /** Tells another node that it should look at its bytes of a chunk, as readers do that got wrong ones. */
  async notifyOfRot(holder: SimulatedNode, id: ContentId): Promise<void> {
    const { network } = this.#running ?? {}
    if (network === undefined) return
    const notice = signCorruptionNotice(this.key, {
      id,
      holder: holder.peer,
      noticedAt: this.#world.clock.now(),
    })
    await sendCorruptionNotice(network, holder.peer, notice, { timeoutMs: 5_000 })
  }

  async start(): Promise<void> {
    const life = new NodeLife()
    this.life = life
    this.#isStarting = true
    try {
      const running = await this.#assemble(life)
      if (!life.isOver) this.#running = running
    } finally {
      if (this.life === life) this.#isStarting = false
    }
  }

  /** SIGTERM: everything is closed in order. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    await running.content.stop()
    await running.network.stop()
    await running.chunks.close()
    running.index.close()
    this.life.end()
  }

  /** Power cut. Harmless when the node is down. */
  crash(random: Random): void {
    this.life.end()
    this.#running = undefined
    this.#isStarting = false
    this.#world.hub.crash(this.peer)
    this.disk.crash(random)
  }

  async #assemble(life: NodeLife): Promise<Running> {
    const { hub, clock: worldClock, nodes, bugs } = this.#world
    const clock = new LifeClock(worldClock, life)
    const disk = new LifeDisk(this.disk, life, bugs)
    const random = new SeededRandom(this.#random.integer(2 ** 31))
    const metrics = createMetrics({ processMetrics: false })
    const log = silentLogger
    const index = openIndexDatabase(disk.openDatabase('index.db'))
    const chunks = await openFileChunkStore({ disk, index, clock, log, metrics }, { folder: 'chunks' })
    const pins = new Pins({ index, clock })
    const reputation = new Reputation({ clock, store: forgetfulReputationStore, log, metrics })
    const network = createLyingNetwork(
      createGuardedNetwork(hub.createNetwork(this.key), {
        reputation,
        limits: new RateLimits({ clock }),
        bandwidth: new Bandwidth({ clock }),
        clock,
        metrics,
        log,
      }),
      { inBytes: () => this.isLying, aboutCopies: bugs.copiesLie },
    )
    const community = new SimulatedCommunity(
      { network, clock },
      nodes.map((node) => node.peer),
    )
    const content = createContent(
      { index, chunks, pins, network, community, reputation, key: this.key, clock, random, log, metrics },
      REPAIR,
    )
    await network.start()
    await content.start()
    community.start(() => content.holdings())
    for (const other of nodes.filter((node) => node !== this)) {
      await network.keepConnected({ peer: other.peer, addresses: [] })
    }
    return { network, index, chunks, pins, content }
  }
}
