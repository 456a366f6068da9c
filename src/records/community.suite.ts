/** A community of whole record parts in memory, on a virtual clock; for the tests of this folder. */
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import type { Network } from '../network/network.ts'
import { type IndexDatabase, openIndexDatabase } from '../storage/index-database.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { createMembership, type MembershipOptions } from './community-membership.ts'
import type { Membership } from './membership.ts'
import type { RecordSets } from './record-sets.ts'
import { createRecordSets } from './sqlite-record-sets.ts'

export interface CommunityNode {
  key: SigningKey
  peer: PeerId
  network: Network
  index: IndexDatabase
  records: RecordSets
  membership: Membership
  stop(): Promise<void>
  /** The same node started again on what its disk holds. */
  restart(): Promise<CommunityNode>
}

/** Time, network and nodes of one test. */
export class Community {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly hub: MemoryNetworkHub
  readonly nodes: CommunityNode[] = []
  readonly gossip: boolean

  constructor(options: { seed?: number; gossip?: boolean } = {}) {
    this.random = new SeededRandom(options.seed ?? 1)
    this.hub = new MemoryNetworkHub({ clock: this.clock, random: this.random })
    this.gossip = options.gossip ?? false
  }

  async addNode(
    options: Partial<MembershipOptions> = {},
    key?: SigningKey,
    index?: IndexDatabase,
  ): Promise<CommunityNode> {
    const signingKey = key ?? signingKeyFromSeed(this.random.bytes(32))
    const database = index ?? openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
    const network = this.hub.createNetwork(signingKey)
    const { clock, random } = this
    const metrics = createMetrics({ processMetrics: false })
    const parts = { key: signingKey, index: database, network, clock, random, log: silentLogger, metrics }
    const records = createRecordSets(parts, { gossip: this.gossip })
    const membership = await createMembership(
      { ...parts, records },
      { label: 'somebody', spaceName: 'home', admission: 'open', ...options },
    )
    await network.start()
    await records.start()
    const node: CommunityNode = {
      key: signingKey,
      peer: signingKey.peerId,
      network,
      index: database,
      records,
      membership,
      async stop() {
        membership.stop()
        await records.stop()
        await network.stop()
      },
      restart: async () => {
        await node.stop()
        this.nodes.splice(this.nodes.indexOf(node), 1)
        return this.addNode(options, signingKey, database)
      },
    }
    this.nodes.push(node)
    return node
  }

  /** Nodes that all are members of the first one's space and connected to each other. */
  async addMembers(count: number, options: Partial<MembershipOptions> = {}): Promise<CommunityNode[]> {
    const nodes: CommunityNode[] = []
    for (let index = 0; index < count; index++) nodes.push(await this.addNode(options))
    const [founder, ...others] = nodes
    for (const node of others) {
      if (founder === undefined) break
      await node.network.connect(founder.network.addresses()[0] ?? '')
      await node.membership.joinOpenSpaceOf(founder.peer)
    }
    await this.connectAll(nodes)
    await this.until(() => nodes.every((node) => node.membership.members().length === count))
    return nodes
  }

  async connectAll(nodes: readonly CommunityNode[] = this.nodes): Promise<void> {
    for (const [index, node] of nodes.entries()) {
      for (const other of nodes.slice(index + 1)) {
        if (!node.network.isConnected(other.peer))
          await node.network.connect(other.network.addresses()[0] ?? '')
      }
    }
  }

  /** Lets time pass until `condition` holds. @throws when it does not within `limitMs` of virtual time. */
  async until(condition: () => boolean, limitMs = 120_000): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 500) {
      for (let turn = 0; turn < 20; turn++) {
        if (condition()) return
        await new Promise((resolve) => setImmediate(resolve))
      }
      await this.clock.advance(500)
    }
    throw new Error(`the condition did not hold within ${limitMs} ms`)
  }

  /** Waits for `work` while time passes. */
  async run<Result>(work: Promise<Result>, limitMs = 120_000): Promise<Result> {
    let isDone = false
    const watched = work.finally(() => {
      isDone = true
    })
    watched.catch(() => undefined)
    await this.until(() => isDone, limitMs)
    return watched
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}

/** The ids of all records a node keeps of a kind, sorted. */
export function idsOf(node: CommunityNode, ...kinds: string[]): string[] {
  return kinds.flatMap((kind) => node.records.list(kind).map(({ id }) => id)).sort()
}
