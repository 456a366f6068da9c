/**
 * What tests of whole nodes share: nodes in temporary data folders, on loopback or on a network in memory,
 * stopped and removed at the end of the test.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { SystemRandom } from '../core/random.ts'
import { MemoryNetworkHub } from '../network/memory-network.ts'
import { loadConfig } from './config.ts'
import { createNode, type Node } from './create-node.ts'

const clock = new SystemClock()

/** Nodes of one test; `await using` stops them all. */
export class TestNodes {
  readonly folder = mkdtempSync(join(tmpdir(), 'kizuna-nodes-'))
  /** The network in memory, for those who want it. */
  readonly hub = new MemoryNetworkHub({ clock, random: new SystemRandom() })
  readonly #running: Node[] = []
  #count = 0

  /** Starts a node on loopback; a `home` of an earlier one starts that again. */
  async start(settings: Record<string, unknown> = {}): Promise<Node> {
    return this.#run(await createNode(this.configOf(settings), { log: silentLogger }))
  }

  /** Starts a node on the network in memory. */
  async startInMemory(settings: Record<string, unknown> = {}): Promise<Node> {
    const network = (key: Parameters<MemoryNetworkHub['createNetwork']>[0]) => this.hub.createNetwork(key)
    return this.#run(await createNode(this.configOf(settings), { log: silentLogger, network }))
  }

  /** A configuration that disturbs nobody on this machine. */
  configOf(settings: Record<string, unknown> = {}) {
    const standard = {
      home: join(this.folder, `node-${++this.#count}`),
      host: '127.0.0.1',
      port: 0,
      apiPort: 0,
      mdns: false,
      upnp: false,
      gossipIntervalMs: 500,
      failureDomain: `domain-${this.#count}`,
    }
    return loadConfig({ userHome: this.folder, flags: { ...standard, ...settings } })
  }

  /** Puts nodes into the space of the first, each by the first's address. */
  async join(first: Node, ...others: Node[]): Promise<void> {
    for (const other of others) {
      const peer = await other.services.network.connect(addressOf(first))
      await eventually('it is let in', async () => {
        if (other.services.membership.members().length === 1)
          await other.services.membership.joinOpenSpaceOf(peer)
        return other.services.membership.isMember(peer)
      })
    }
    const all = [first, ...others]
    await eventually('all know and see each other', () =>
      all.every(({ services }) => {
        const views = services.community.members()
        return (
          views.length === all.length - 1 && views.every((view) => view.online && view.holdings !== undefined)
        )
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((node) => node.stop()))
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #run(node: Node): Promise<Node> {
    this.#running.push(node)
    await node.start()
    return node
  }
}

/** An address of a node for others on this machine. */
export function addressOf({ services }: Node): string {
  return (
    services.network.addresses().find((each) => /127\.0\.0\.1|memory/.test(each)) ??
    services.network.addresses()[0] ??
    ''
  )
}

/** Waits for a condition, and fails with its words after `timeoutMs`. */
export async function eventually(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = clock.monotonic() + timeoutMs
  while (!(await isTrue())) {
    assert.ok(clock.monotonic() < end, `not in time: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => {
      const timer = clock.after(20, () => resolve(timer))
    })
  }
}

/** All bytes of a content as a node gets it. */
export async function readAll(
  node: Node,
  id: Parameters<Node['services']['content']['retrieve']>[0],
): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await node.services.content.retrieve(id, { timeoutMs: 10_000 })).bytes)
    pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Bytes as a source. */
export async function* sourceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += 64 * 1024)
    yield bytes.subarray(offset, offset + 64 * 1024)
}
