import type { Content } from '../../src/content/content.ts'
import { signCorruptionNotice } from '../../src/content/corruption-notice.ts'
import { createContent } from '../../src/content/create-content.ts'
import { sendCorruptionNotice } from '../../src/content/dds-client.ts'
import { KEEPERS } from '../../src/content/kept-objects.ts'
import { AgreedClock } from '../../src/core/agreed-clock.ts'
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
import type { NodeConfig } from '../../src/node/config-schema.ts'
import { openStorage } from '../../src/node/open-storage.ts'
import { SpaceCommunity } from '../../src/node/space-community.ts'
import { StatusPublisher } from '../../src/node/status-publisher.ts'
import { TimeKeeper } from '../../src/node/time-keeper.ts'
import { UptimeLedger } from '../../src/node/uptime-ledger.ts'
import { createMembership } from '../../src/records/community-membership.ts'
import type { Membership } from '../../src/records/membership.ts'
import type { RecordSets } from '../../src/records/record-sets.ts'
import { createRecordSets } from '../../src/records/sqlite-record-sets.ts'
import type { ChunkStore } from '../../src/storage/chunk-store.ts'
import { type IndexDatabase, openIndexDatabase } from '../../src/storage/index-database.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import type { Pins } from '../../src/storage/pins.ts'
import { createLyingNetwork } from './lying-network.ts'
import { LifeClock, LifeDisk, NodeLife, WallFault } from './node-life.ts'
import { noticeKind, postKind } from './post-record.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/** Every node says how it is this often. */
const STATUS_EVERY_MS = 10_000
const FREE_BYTES = 64 * 2 ** 30
/** Garbage is collected this often; in life it is a quarter of an hour. */
const GARBAGE_EVERY_MS = 60_000
/** What storage reads of the settings. */
const STORAGE: Partial<NodeConfig> = {
  storageFolder: '',
  storageBytesMax: 0,
  storageChunksMax: 0,
  cacheBytesMax: 4 * 2 ** 20,
}
/** A newcomer that nobody lets in asks again after this. */
const JOIN_AGAIN_MS = 2_000
/** Repair in minutes instead of the usual tens of them: a simulated hour should see many. */
const REPAIR = { graceMs: 120_000, settleMs: 10_000, standbyMs: 20_000, repairIntervalMs: 30_000 }

interface Running {
  network: Network
  index: IndexDatabase
  chunks: ChunkStore
  pins: Pins
  content: Content
  records: RecordSets
  membership: Membership
  /** Ends what runs in the background, in order. */
  end: () => Promise<void>
}

/** One whole node of the simulated world: it lives, dies and comes back, and its disk and key stay. */
export class SimulatedNode {
  readonly name: string
  readonly key: SigningKey
  readonly disk = new MemoryDisk()
  /** Whether it turns bits over in what it serves. */
  isLying = false
  /** What is wrong with its machine's wall clock. */
  readonly wall = new WallFault()
  /** The current or the last life. */
  life = new NodeLife()
  readonly #world: SimulatedWorld
  readonly #random: SeededRandom
  #running: Running | undefined
  #isStarting = false
  #startedAt = 0

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
    return this.#up.content
  }

  get records(): RecordSets {
    return this.#up.records
  }

  get membership(): Membership {
    return this.#up.membership
  }

  get #up(): Running {
    if (this.#running === undefined) throw new Error(`${this.name} is not up`)
    return this.#running
  }

  /** Whether it has come into the space of the founder. */
  get isSettled(): boolean {
    return this.isUp && this.membership.members().length > 1
  }

  /** When its last start was done, on the monotonic scale. */
  get settledAt(): number {
    return this.#startedAt
  }

  isConnectedTo(other: SimulatedNode): boolean {
    return this.#up.network.isConnected(other.peer)
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
      if (!life.isOver) {
        this.#running = running
        this.#startedAt = this.#world.clock.monotonic()
      }
    } finally {
      if (this.life === life) this.#isStarting = false
    }
  }

  /** SIGTERM: everything is closed in order. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    await running.end()
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
    const { hub, clock: worldClock, nodes, founder, bugs } = this.#world
    const clock = new AgreedClock(new LifeClock(worldClock, life, this.wall))
    if (bugs.clocksAlone) Object.assign(clock, { now: () => clock.ownNow() })
    const disk = new LifeDisk(this.disk, life, bugs)
    const random = new SeededRandom(this.#random.integer(2 ** 31))
    const metrics = createMetrics({ processMetrics: false })
    const log = silentLogger
    const index = openIndexDatabase(disk.openDatabase('index.db'))
    const storage = await openStorage({ disk, index, clock, log, metrics }, STORAGE as NodeConfig)
    const { chunks, pins, leases } = storage
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
    const records = createRecordSets(
      { key: this.key, index, network, clock, random, log, metrics },
      { gossip: true, syncIntervalMs: STATUS_EVERY_MS },
    )
    records.defineKind(postKind)
    records.defineKind(noticeKind)
    const membership = await createMembership(
      { key: this.key, index, network, records, clock, random, log },
      { label: this.name, spaceName: 'home', admission: 'open', seeksSpace: this !== founder },
    )
    const uptime = new UptimeLedger(index)
    const community = new SpaceCommunity(
      { network, membership, records, uptime, clock, log },
      { intervalMs: STATUS_EVERY_MS },
    )
    const content = createContent(
      {
        index,
        chunks,
        pins,
        leases,
        network,
        community,
        reputation,
        key: this.key,
        clock,
        random,
        log,
        metrics,
      },
      REPAIR,
    )
    const publisher = new StatusPublisher(
      { clock, records, log, self: this.peer },
      {
        intervalMs: STATUS_EVERY_MS,
        read: async () => ({
          addresses: network.addresses(),
          role: 'full',
          stores: true,
          freeBytes: FREE_BYTES,
          loadPercent: 0,
          version: '0',
          holdings: content.holdings(),
          failureDomain: this.name,
        }),
      },
    )
    const timeKeeper = new TimeKeeper({
      network,
      clock,
      random,
      log,
      metrics,
      isMember: (peer) => membership.isMember(peer),
    })
    await network.start()
    timeKeeper.start()
    await records.start()
    community.start()
    await content.start()
    community.onChange(() => publisher.changed())
    publisher.start()
    for (const other of nodes.filter((node) => node !== this)) {
      await network.keepConnected({ peer: other.peer, addresses: [] })
    }
    const join = async () => {
      if (membership.members().length > 1) return
      await membership.joinOpenSpaceOf(founder.peer).catch(() => undefined)
      clock.after(JOIN_AGAIN_MS, () => this.#world.watch(`joining of ${this.name}`, join()))
    }
    const collect = () => {
      // A disk that fails meanwhile is met again at the next turn.
      storage.collector.collect({}).catch(() => undefined)
      clock.after(GARBAGE_EVERY_MS, collect)
    }
    clock.after(GARBAGE_EVERY_MS, collect)
    if (this !== founder) this.#world.watch(`joining of ${this.name}`, join())
    const end = async () => {
      await publisher.stop()
      await content.stop()
      community.stop()
      membership.stop()
      timeKeeper.stop()
      await records.stop()
      await network.stop()
      await storage.close()
      index.close()
    }
    return { network, index, chunks, pins, content, records, membership, end }
  }
}
