import type { Community, MemberView } from '../../src/content/community.ts'
import type { Content } from '../../src/content/content.ts'
import { createContent } from '../../src/content/create-content.ts'
import type { ContentId } from '../../src/core/content-id.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { Metrics } from '../../src/core/metrics.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../../src/core/signing-key.ts'
import type { VirtualClock } from '../../src/core/virtual-clock.ts'
import type { MemoryNetworkHub } from '../../src/network/memory-network.ts'
import type { Network, PeerAddresses } from '../../src/network/network.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'
import { createMemoryChunkStore } from '../../src/storage/memory-chunk-store.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { Pins } from '../../src/storage/pins.ts'
import { LifeClock, NodeLife, WallFault } from './node-life.ts'

/** Repair for members who come and go within minutes. */
const REPAIR = {
  graceMs: 90_000,
  settleMs: 5_000,
  standbyMs: 10_000,
  repairIntervalMs: 10_000,
  holdingsIntervalMs: 30_000,
  announces: false,
  auditsPerHour: 0,
}
const FREE_BYTES = 2 ** 40

/** Hears of nothing but the bytes that repair sends. */
function metricsOf(world: ChurnWorld): Metrics {
  return {
    count(name, _labels, by = 1) {
      if (name === 'kizuna_repair_bytes_total') world.sentBytes += by
    },
    set: () => {},
    observeSeconds: () => {},
    gauge: () => {},
    print: async () => '',
    total: async () => 0,
  }
}

/** What all nodes of a churning world share. */
export interface ChurnWorld {
  clock: VirtualClock
  hub: MemoryNetworkHub
  /** What repair has sent or had fetched so far, on all nodes. */
  sentBytes: number
  /** Everybody who belongs, as all see them; changes with who is up. */
  views(): readonly MemberView[]
  /** Calls `listener` when somebody comes or goes. */
  onChange(listener: () => void): () => void
}

/** A member that comes and goes: the production content service on memory, without the layers that churn does not touch. */
export class ChurnNode {
  readonly key: SigningKey
  readonly chunks = createMemoryChunkStore()
  /** Gone for good, with everything it had. */
  isGone = false
  lastSeenAt = 0
  readonly #world: ChurnWorld
  readonly #random: SeededRandom
  readonly #disk = new MemoryDisk()
  #life: NodeLife | undefined
  #kept: ReadonlySet<ContentId> = new Set()
  #running: { content: Content; pins: Pins; network: Network } | undefined

  constructor(world: ChurnWorld, seed: number) {
    this.#world = world
    this.#random = new SeededRandom(seed)
    this.key = signingKeyFromSeed(this.#random.bytes(32))
  }

  get peer(): PeerId {
    return this.key.peerId
  }

  get isUp(): boolean {
    return this.#running !== undefined
  }

  get content(): Content | undefined {
    return this.#running?.content
  }

  /** Ids of chunks that it keeps as copies that count, or kept when it left. */
  kept(): ReadonlySet<ContentId> {
    if (this.#running !== undefined) this.#kept = new Set(this.#running.pins.chunkIds())
    return this.#kept
  }

  async start(known: readonly ChurnNode[]): Promise<void> {
    const { clock: worldClock, hub } = this.#world
    const life = new NodeLife()
    this.#life = life
    const clock = new LifeClock(worldClock, life, new WallFault())
    const index = openIndexDatabase(this.#disk.openDatabase('index.db'))
    const pins = new Pins({ index, clock })
    const network = hub.createNetwork(this.key, { connectionsMax: 1_000 })
    const community: Community = {
      self: this.peer,
      publicReading: true,
      members: () => this.#world.views().filter(({ peer }) => peer !== this.peer),
      isMember: () => true,
      onChange: (listener) => this.#world.onChange(() => life.isOver || listener()),
    }
    const random = new SeededRandom(this.#random.integer(2 ** 31))
    const content = createContent(
      {
        index,
        chunks: this.chunks,
        pins,
        network,
        community,
        reputation: { report: () => {} },
        key: this.key,
        clock,
        random,
        log: silentLogger,
        metrics: metricsOf(this.#world),
      },
      {
        ...REPAIR,
        selfView: () => ({ freeBytes: FREE_BYTES, uptime: 0.9, failureDomain: this.peer, stores: true }),
      },
    )
    await network.start()
    for (const other of known) {
      if (other !== this) await network.remember(other.#introduction)
    }
    await content.start()
    if (!life.isOver) this.#running = { content, pins, network }
  }

  /** Somebody came: its addresses reach everybody, as by peer exchange. */
  async hearOf(other: ChurnNode): Promise<void> {
    if (other !== this) await this.#running?.network.remember(other.#introduction)
  }

  get #introduction(): PeerAddresses {
    return { peer: this.peer, addresses: [`/memory/0/p2p/${this.peer}`] }
  }

  /** The machine is off, from one moment to the next. */
  leave(): void {
    this.kept()
    this.#life?.end()
    this.#running = undefined
    this.lastSeenAt = this.#world.clock.now()
    this.#world.hub.crash(this.peer)
    this.#disk.crash(this.#random)
  }

  view(): MemberView {
    const holdings = this.#running?.content.holdings()
    return {
      peer: this.peer,
      online: this.isUp,
      lastSeenAt: this.isUp ? this.#world.clock.now() : this.lastSeenAt,
      stores: true,
      freeBytes: FREE_BYTES,
      uptime: 0.9,
      failureDomain: this.peer,
      latencyMs: 5,
      holdings,
    }
  }
}
