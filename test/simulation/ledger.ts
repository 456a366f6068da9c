import { hash } from 'node:crypto'
import type { DurabilityPolicy, PublishedContent } from '../../src/content/content.ts'
import type { ContentId } from '../../src/core/content-id.ts'
import { isKizunaError, toKizunaError } from '../../src/core/kizuna-error.ts'
import type { SeededRandom } from '../../src/core/random.ts'
import { putPost } from './post-record.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { InvariantViolation, type SimulatedWorld } from './simulated-world.ts'

/** An object that a node has acknowledged, and what it must read as. */
export interface Acknowledged {
  id: ContentId
  bytes: Uint8Array
  publisher: SimulatedNode
  published: PublishedContent
}

/** No call of a node that stays up takes longer (virtual milliseconds). */
const CALL_MS_MAX = 10 * 60_000
/** In kibibytes: empty, tiny, one chunk, some chunks. */
const SIZES = [0, 1, 700, 40_000, 262_144, 300_000, 900_000]
const POLICIES: readonly DurabilityPolicy[] = [
  { kind: 'replica', copies: 2 },
  { kind: 'replica', copies: 3 },
  { kind: 'rs', k: 2, m: 2 },
  { kind: 'rs', k: 3, m: 1 },
]

/** Something said in the space that its node has acknowledged. */
export interface AcknowledgedPost {
  recordId: string
  author: SimulatedNode
  createdAt: number
}

/** What people do in the simulated world, and the book of what they were promised. */
export class Ledger {
  readonly acknowledged: Acknowledged[] = []
  readonly posts: AcknowledgedPost[] = []
  readonly outcomes = new Map<string, number>()
  readonly #world: SimulatedWorld
  readonly #forgotten = new Set<ContentId>()
  #running = 0
  #postsBegun = 0

  constructor(world: SimulatedWorld) {
    this.#world = world
  }

  /** Calls underway on nodes that live. */
  get running(): number {
    return this.#running
  }

  /** Begins to publish something on a node; how it ends is noted. */
  beginPublish(node: SimulatedNode, random: SeededRandom): string {
    const sizeBytes = SIZES[random.integer(SIZES.length)] ?? 0
    const bytes = random.bytes(sizeBytes)
    const policy = POLICIES[random.integer(POLICIES.length)] as DurabilityPolicy
    const acknowledge = random.integer(4) === 0 ? 'local' : 'replicated'
    const source = async function* () {
      for (let offset = 0; offset < sizeBytes; offset += 65_536) {
        yield bytes.subarray(offset, offset + 65_536)
      }
    }
    this.#begin(node, 'publish', async () => {
      const published = await node.content.publish(source(), { policy, acknowledge })
      this.acknowledged.push({ id: published.id, bytes, publisher: node, published })
      return `${published.id} ${published.copies} ${published.acknowledged}`
    })
    return `${node.name} ${sizeBytes} bytes ${JSON.stringify(policy)} ${acknowledge}`
  }

  /** Begins to say something in the space. */
  beginPost(node: SimulatedNode): string {
    const key = `post ${this.#postsBegun++}`
    this.#begin(node, 'post', async () => {
      if (!this.#world.bugs.postsLie) {
        const { id, createdAt } = await putPost(node.records, key, `said by ${node.name}`)
        this.posts.push({ recordId: id, author: node, createdAt })
        return id
      }
      this.posts.push({ recordId: key, author: node, createdAt: this.#world.clock.now() })
      return key
    })
    return `${node.name} ${key}`
  }

  /** Begins to keep something acknowledged, or to let go of it where it was only kept. */
  beginKeepOrForget(node: SimulatedNode, random: SeededRandom): string | undefined {
    const others = this.acknowledged.filter(({ publisher }) => publisher !== node)
    const object = others[random.integer(Math.max(others.length, 1))]
    if (object === undefined) return undefined
    if (random.integer(2) === 0) {
      this.#begin(node, 'keep', async () => {
        await node.content.keep(object.id)
        return object.id
      })
      return `keep ${node.name} ${object.id.slice(0, 16)}`
    }
    // Who forgets declines to store it for others, too; enough must be left who do.
    if (object.published.policy.kind === 'rs' || this.#forgotten.has(object.id)) return undefined
    this.#forgotten.add(object.id)
    this.#begin(node, 'forget', async () => String(await node.content.forget(object.id)))
    return `forget ${node.name} ${object.id.slice(0, 16)}`
  }

  /** Begins to read something acknowledged on a node. */
  beginRead(node: SimulatedNode, random: SeededRandom): string | undefined {
    if (this.acknowledged.length === 0) return undefined
    const object = this.acknowledged[random.integer(this.acknowledged.length)] as Acknowledged
    const size = object.bytes.byteLength
    let range: { offset: number; length: number } | undefined
    if (size > 1 && random.integer(3) === 0) {
      const offset = random.integer(size - 1)
      range = { offset, length: 1 + random.integer(size - offset) }
    }
    this.#begin(node, 'read', () => this.read(node, object, range))
    return `${node.name} ${object.id.slice(0, 16)} ${range === undefined ? 'whole' : JSON.stringify(range)}`
  }

  /**
   * Reads an object and compares. @throws InvariantViolation when a single byte is wrong; KizunaError when the node
   * says why it cannot.
   */
  async read(
    node: SimulatedNode,
    object: Acknowledged,
    range?: { offset: number; length: number },
  ): Promise<string> {
    const { offset, length } = range ?? { offset: 0, length: object.bytes.byteLength }
    const expected = object.bytes.subarray(offset, offset + length)
    const retrieved = await node.content.retrieve(object.id, range === undefined ? {} : { range })
    let read = 0
    for await (const piece of retrieved.bytes) {
      const got = this.#world.bugs.readsLie ? withWrongByte(piece) : piece
      if (Buffer.compare(got, expected.subarray(read, read + got.byteLength)) !== 0) {
        throw new InvariantViolation(`${node.name} read wrong bytes of ${object.id} at ${offset + read}`)
      }
      read += got.byteLength
    }
    if (read !== expected.byteLength) {
      throw new InvariantViolation(
        `${node.name} read ${read} of ${expected.byteLength} bytes of ${object.id} and was told that this is all`,
      )
    }
    return hash('sha256', expected).slice(0, 16)
  }

  #begin(node: SimulatedNode, what: string, call: () => Promise<string>): void {
    const { clock, trace } = this.#world
    const life = node.life
    const startedAt = clock.monotonic()
    this.#running++
    const note = (outcome: string, detail: string) => {
      trace.note(clock.monotonic(), what, node.name, outcome, detail)
      this.outcomes.set(`${what} ${outcome}`, (this.outcomes.get(`${what} ${outcome}`) ?? 0) + 1)
    }
    let ended = false
    const end = () => {
      if (!ended) this.#running--
      ended = true
    }
    const run = async () => {
      try {
        note('ok', await call())
      } catch (error) {
        // What a dying node still throws reaches nobody.
        if (life.isOver && !(error instanceof InvariantViolation)) note('died', '')
        else if (isKizunaError(error) && error.code !== 'INTERNAL') note(error.code, error.message)
        else throw error
      } finally {
        end()
      }
    }
    this.#world.watch(`${what} on ${node.name}`, run())
    life.onEnd(end)
    clock.after(CALL_MS_MAX, () => {
      if (ended || life.isOver) return
      this.#world.watch(
        what,
        Promise.reject(
          new InvariantViolation(`${what} on ${node.name}, begun at ${startedAt} ms, does not end`),
        ),
      )
    })
  }
}

/** Why a read failed, in one line. */
export function reasonOf(error: unknown): string {
  const { code, message, details } = toKizunaError(error)
  return `${code}: ${message} ${JSON.stringify(details).slice(0, 300)}`
}

function withWrongByte(piece: Uint8Array): Uint8Array {
  const wrong = Uint8Array.from(piece)
  wrong[0] = (wrong[0] ?? 0) ^ 1
  return wrong
}
