/**
 * A whole space in one process for tests: nodes with content over the memory network, and members' views made
 * from what is true, as status records would tell it.
 */
import { hash } from 'node:crypto'
import { MessageChannel } from 'node:worker_threads'
import { BufferPool } from '../core/buffer-pool.ts'
import { type Clock, SystemClock } from '../core/clock.ts'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { type Digester, inlineDigester } from '../core/digester.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { type Logger, silentLogger } from '../core/log.ts'
import { createMetrics, type Metrics } from '../core/metrics.ts'
import { SeededRandom } from '../core/random.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { openIndexDatabase } from '../storage/index-database.ts'
import { createMemoryChunkStore } from '../storage/memory-chunk-store.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { Pins } from '../storage/pins.ts'
import type { Community, MemberView } from './community.ts'
import type { Content } from './content.ts'
import type { ContentOptions } from './content-options.ts'
import { createContent } from './create-content.ts'
import { type IncomingChunk, openChunk } from './dds-client.ts'
import { DDS_PROTOCOL, type ObjectFacts } from './dds-protocol.ts'
import type { PeerReport } from './source-judge.ts'

export interface TestNode {
  key: SigningKey
  peer: PeerId
  network: Network
  chunks: ChunkStore
  content: Content
  metrics: Metrics
  reports: { peer: PeerId; what: PeerReport }[]
  logged: { event: string; fields: Readonly<Record<string, unknown>> }[]
  /** What the others see of it. */
  view: { stores: boolean; freeBytes: number; failureDomain: string; member: boolean; publicReading: boolean }
  disk: MemoryDisk
  /** Ids kept as copies that count. */
  stored(): Promise<Set<ContentId>>
}

export interface TestNodeOptions {
  content?: Partial<ContentOptions>
  member?: boolean
  stores?: boolean
  publicReading?: boolean
  /** Starts again on what a stopped node left. */
  after?: TestNode
  chunks?: ChunkStore
  /** @default in this thread */
  digester?: Digester
  /** Memory for chunks under way. @default a pool of its own that spoils what is released */
  buffers?: BufferPool
  /** What stands between the node and its network, such as a liar. */
  wrapNetwork?: (network: Network) => Network
  failureDomain?: string
  /** Hears what is reported besides `reports`. */
  reputation?: { report(peer: PeerId, what: PeerReport): void }
}

const FREE_BYTES = 100 * 2 ** 30

export class TestSpace {
  readonly clock: Clock
  readonly hub: MemoryNetworkHub
  readonly random: SeededRandom
  readonly nodes: TestNode[] = []
  readonly #listeners = new Set<() => void>()
  readonly #speakers: { network: Network; member: boolean }[] = []
  readonly #away = new Map<PeerId, number>()
  /** The product's timers do not keep a process alive; this does, as long as the space runs. */
  readonly #alive = new MessageChannel()

  constructor(options: { clock?: Clock; seed?: number } = {}) {
    this.clock = options.clock ?? new SystemClock()
    this.random = new SeededRandom(options.seed ?? 1)
    this.hub = new MemoryNetworkHub({ clock: this.clock, random: this.random })
    this.#alive.port1.ref()
  }

  /** Nodes that all know each other and are connected. */
  async addNodes(count: number, options: TestNodeOptions = {}): Promise<TestNode[]> {
    const added: TestNode[] = []
    for (let index = 0; index < count; index++) added.push(await this.addNode(options))
    return added
  }

  async addNode(options: TestNodeOptions = {}): Promise<TestNode> {
    const before = options.after
    const key = before?.key ?? signingKeyFromSeed(hash('sha256', `node ${this.nodes.length}`, 'buffer'))
    const network = (options.wrapNetwork ?? ((inner) => inner))(this.hub.createNetwork(key))
    const disk = before?.disk ?? new MemoryDisk()
    const index = openIndexDatabase(disk.openDatabase('index.db'))
    const chunks = options.chunks ?? before?.chunks ?? createMemoryChunkStore()
    const metrics = createMetrics({ processMetrics: false })
    const reports: TestNode['reports'] = []
    const logged: TestNode['logged'] = []
    const view = {
      stores: options.stores ?? true,
      freeBytes: FREE_BYTES,
      failureDomain: options.failureDomain ?? key.peerId,
      member: options.member ?? true,
      publicReading: options.publicReading ?? false,
    }
    const content = createContent(
      {
        index,
        chunks,
        pins: new Pins({ index, clock: this.clock }),
        // Whoever reads what it has released gets wrong bytes at once.
        buffers: options.buffers ?? new BufferPool({ poison: true }),
        digester: options.digester ?? inlineDigester,
        network,
        community: this.#communityOf(network, view),
        reputation: {
          report: (peer, what) => {
            reports.push({ peer, what })
            options.reputation?.report(peer, what)
          },
        },
        key,
        clock: this.clock,
        random: this.random,
        log: collectingLogger(logged),
        metrics,
      },
      {
        stores: () => view.stores,
        selfView: () => ({ ...view, uptime: 1 }),
        holdingsIntervalMs: 1_000,
        graceMs: 1_000,
        settleMs: 500,
        standbyMs: 2_000,
        repairIntervalMs: 1_000,
        ...options.content,
      },
    )
    const stored = async () => new Set(await Array.fromAsync(chunks.ids()))
    const node: TestNode = {
      key,
      peer: key.peerId,
      network,
      chunks,
      content,
      metrics,
      reports,
      logged,
      view,
      disk,
      stored,
    }
    await network.start()
    await content.start()
    this.#away.delete(node.peer)
    for (const other of this.nodes) {
      if (other.peer !== node.peer && this.isUp(other.peer))
        await network.connect(other.network.addresses()[0] ?? other.peer)
    }
    const place = before === undefined ? -1 : this.nodes.indexOf(before)
    if (place >= 0) this.nodes[place] = node
    else this.nodes.push(node)
    this.tell()
    return node
  }

  /** A member that speaks only what `handle` says, and is connected to everybody. */
  async addSpeaker(
    handle: (frames: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
    options: { protocol?: string; member?: boolean } = {},
  ): Promise<Network> {
    const key = signingKeyFromSeed(hash('sha256', `speaker ${this.#speakers.length}`, 'buffer'))
    const network = this.hub.createNetwork(key)
    network.handle(options.protocol ?? DDS_PROTOCOL, handle)
    await network.start()
    this.#speakers.push({ network, member: options.member ?? true })
    for (const node of this.nodes) await network.connect(node.network.addresses()[0] ?? node.peer)
    this.tell()
    return network
  }

  /** A machine dies without a word. */
  kill(node: TestNode): void {
    this.hub.crash(node.peer)
    this.#away.set(node.peer, this.clock.now())
    void node.content.stop()
    this.tell()
  }

  /** A machine is turned off in order. */
  async turnOff(node: TestNode): Promise<void> {
    await node.content.stop()
    await node.network.stop()
    this.#away.set(node.peer, this.clock.now())
    this.tell()
  }

  isUp(peer: PeerId): boolean {
    return !this.#away.has(peer)
  }

  /** Everybody hears news of everybody, as by status records. */
  tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) {
      await node.content.stop()
      await node.network.stop()
    }
    for (const { network } of this.#speakers) await network.stop()
    this.#alive.port1.close()
  }

  #communityOf(network: Network, own: TestNode['view']): Community {
    return {
      self: network.peerId,
      members: () => this.#viewsFor(network.peerId),
      isMember: (peer) =>
        this.nodes.some((node) => node.peer === peer && node.view.member) ||
        this.#speakers.some(({ network, member }) => network.peerId === peer && member),
      publicReading: own.publicReading,
      onChange: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  #viewsFor(self: PeerId): MemberView[] {
    const speakers = this.#speakers
      .filter(({ member }) => member)
      .map(
        ({ network }): MemberView => ({
          peer: network.peerId,
          online: true,
          lastSeenAt: this.clock.now(),
          stores: false,
          freeBytes: 0,
          uptime: 1,
          failureDomain: network.peerId,
          latencyMs: undefined,
          holdings: undefined,
        }),
      )
    const members = this.nodes
      .filter((node) => node.peer !== self && node.view.member)
      .map((node) => {
        const awaySince = this.#away.get(node.peer)
        return {
          peer: node.peer,
          online: awaySince === undefined,
          lastSeenAt: awaySince ?? this.clock.now(),
          stores: node.view.stores,
          freeBytes: node.view.freeBytes,
          uptime: 1,
          failureDomain: node.view.failureDomain,
          latencyMs: undefined,
          holdings: awaySince === undefined ? node.content.holdings() : undefined,
        }
      })
    return [...members, ...speakers]
  }
}

/** Polls until `check` gives something else than false or undefined. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  what: string,
  timeoutMs = 10_000,
): Promise<T> {
  const clock = new SystemClock()
  const end = clock.monotonic() + timeoutMs
  for (;;) {
    const result = await check()
    if (result !== false && result !== undefined) return result
    if (clock.monotonic() > end) throw new Error(`${what} did not happen within ${timeoutMs} ms`)
    await clock.sleep(20)
  }
}

export function randomContent(sizeBytes: number, seed = 1): Uint8Array {
  return new SeededRandom(seed).bytes(sizeBytes)
}

/** Content in pieces of an awkward size. */
export async function* sourceOf(bytes: Uint8Array, pieceBytes = 100_003): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += pieceBytes) {
    yield bytes.subarray(offset, offset + pieceBytes)
  }
}

export async function readAll(content: { bytes: AsyncIterable<Uint8Array> }): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(content.bytes))
}

/** A chunk as an object of its own, of which there shall be two copies. */
export function objectOfOne(publisher: TestNode, bytes: Uint8Array): ObjectFacts {
  const policy = { kind: 'replica', copies: 2 } as const
  return { root: contentIdOf(bytes), publisher: publisher.peer, policy, sizeBytes: bytes.byteLength }
}

/** What a holder answers to somebody who asks for a chunk or a part of it, every frame within its limit. */
export async function receiveChunk(
  from: TestNode,
  holder: TestNode,
  wanted: { id: ContentId; offset?: number; length?: number },
): Promise<Omit<IncomingChunk, 'frames'> & { bytes: Buffer }> {
  const { frames, ...answer } = await openChunk(from.network, holder.peer, wanted, { timeoutMs: 5_000 })
  const pieces = await Array.fromAsync(frames)
  for (const piece of pieces)
    if (piece.byteLength > FRAME_BYTES_MAX) throw new Error(`a frame of ${piece.byteLength} bytes`)
  return { ...answer, bytes: Buffer.concat(pieces) }
}

function collectingLogger(logged: TestNode['logged']): Logger {
  const add = (event: string, fields: Readonly<Record<string, unknown>> = {}) => {
    logged.push({ event, fields })
  }
  return {
    ...silentLogger,
    error: add,
    warn: add,
    info: add,
    debug: add,
    named: () => collectingLogger(logged),
  }
}
