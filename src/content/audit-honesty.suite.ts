/**
 * A space in virtual time in which some members only say that they hold what was placed with them. For the tests of
 * audits, and for the reliability programme of R-25.
 */
import { hash } from 'node:crypto'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { Network, RequestContext, RequestHandler } from '../network/network.ts'
import type { DurabilityPolicy } from './content.ts'
import type { ContentOptions } from './content-options.ts'
import { openChunk } from './dds-client.ts'
import { ChallengeCode, type ChallengeRequest, RetrieveChunkCode } from './dds-messages.js'
import { DDS_PROTOCOLS, decodeRequest, encodeResponse, idFromWire } from './dds-protocol.ts'
import { inTime } from './rot-healing.suite.ts'
import { openRottingStore, type RottingStore } from './rotting-store.suite.ts'
import { randomContent, sourceOf, type TestNode, TestSpace } from './space-under-test.suite.ts'

/** How a member answers for the chunks that it dropped. */
export type Dishonesty =
  /** It makes up its answers. */
  | 'invents'
  /** It says that it has none, and goes on claiming them. */
  | 'admits'
  /** It does not answer. */
  | 'silent'
  /** It fetches what it is asked for from others when it is asked. */
  | 'proxies'
  /** It holds everything, on something that takes seconds. */
  | 'late'

/** A member and what is known of it. */
export interface AuditedMember extends RottingStore {
  node: TestNode
  dishonesty: Dishonesty | undefined
  /** Share of its chunks that it dropped. */
  dropped: number
}

/** Small objects in copies, larger ones with parity over everybody. */
const SHARED: readonly { sizeBytes: number; policy: DurabilityPolicy }[] = [
  { sizeBytes: 40_000, policy: { kind: 'replica', copies: 3 } },
  { sizeBytes: 700_000, policy: { kind: 'rs', k: 3, m: 2 } },
]
const LATE_MS = 6_000
const LINK_MS = 20

/** A space of members, a publisher that has left, and what it shared. */
export class AuditWorld {
  readonly clock = new VirtualClock()
  readonly space: TestSpace
  readonly members: AuditedMember[] = []
  readonly objects: ContentId[] = []
  readonly #options: Partial<ContentOptions>

  /** @param options `content` goes to every member's content. */
  constructor(options: { seed: number; content?: Partial<ContentOptions> }) {
    this.space = new TestSpace({ clock: this.clock, seed: options.seed })
    this.space.hub.setAllLinks({ delayMs: LINK_MS })
    this.#options = {
      graceMs: 600_000,
      settleMs: 60_000,
      standbyMs: 60_000,
      repairIntervalMs: 300_000,
      holdingsIntervalMs: 300_000,
      ...options.content,
    }
  }

  get honest(): AuditedMember[] {
    return this.members.filter(({ dishonesty }) => dishonesty === undefined)
  }

  /** Starts members, honest at first, and has a publisher share `objects` with them and leave. */
  async start(dishonesties: readonly (Dishonesty | undefined)[], objects: number): Promise<void> {
    const { clock, space } = this
    for (const _ of dishonesties) await this.#addMember()
    const adding = space.addNode({ stores: false, content: this.#options })
    const publisher = await inTime(clock, adding)
    for (let number = 0; number < objects; number++) {
      const { sizeBytes, policy } = SHARED[number % SHARED.length] ?? assertNever()
      const bytes = randomContent(sizeBytes, number + 1)
      const { id } = await inTime(clock, publisher.content.publish(sourceOf(bytes), { policy }))
      this.objects.push(id)
    }
    await inTime(clock, space.turnOff(publisher))
    // The publisher's copies no longer count, and others are made.
    await clock.advance(3_600_000)
    for (const [place, dishonesty] of dishonesties.entries()) {
      const member = this.members[place] ?? assertNever()
      member.dishonesty = dishonesty
      member.dropped = dishonesty === undefined || dishonesty === 'late' ? 0 : 1
    }
  }

  /** Whose copies `auditor` does not count. */
  suspends(auditor: AuditedMember, member: AuditedMember): boolean {
    return auditor.node.content.audits.isSuspended(member.node.peer)
  }

  /** Bytes of audits that all members exchanged, and of everything they exchanged. */
  async auditBytes(): Promise<number> {
    const sums = await Promise.all(
      this.members.map(({ node }) => node.metrics.total('kizuna_audit_bytes_total')),
    )
    return sums.reduce((sum, bytes) => sum + bytes, 0)
  }

  async stop(): Promise<void> {
    await inTime(this.clock, this.space.stop())
  }

  async #addMember(): Promise<void> {
    const store = await openRottingStore(this.clock)
    let member: AuditedMember | undefined
    const adding = this.space.addNode({
      chunks: store.chunks,
      content: this.#options,
      wrapNetwork: (inner) => withDishonesty(inner, this.clock, () => member),
    })
    member = { node: await inTime(this.clock, adding), dishonesty: undefined, dropped: 0, ...store }
    this.members.push(member)
  }
}

/** A network whose requests are answered as `who` says; the node behind it knows of nothing. */
function withDishonesty(inner: Network, clock: VirtualClock, who: () => AuditedMember | undefined): Network {
  const answer = (handler: RequestHandler): RequestHandler =>
    async function* (frames, context) {
      const body = frames[Symbol.asyncIterator]()
      const first = await body.next()
      if (first.done === true) return
      const member = who()
      const lie =
        member?.dishonesty === undefined ? undefined : await lieOf(inner, clock, member, first.value, context)
      if (lie !== undefined) yield lie
      else yield* handler(rejoined(first.value, body), context)
    }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'handle') {
        return (protocol: string, handler: RequestHandler) =>
          target.handle(
            protocol,
            (DDS_PROTOCOLS as readonly string[]).includes(protocol) ? answer(handler) : handler,
          )
      }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function* rejoined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

async function lieOf(
  network: Network,
  clock: VirtualClock,
  member: AuditedMember,
  frame: Uint8Array,
  { signal, from }: RequestContext,
): Promise<Uint8Array | undefined> {
  const { challenge, retrieveChunk } = decodeRequest(frame)
  const id = challenge ?? retrieveChunk
  if (id === undefined) return undefined
  if (member.dishonesty === 'late') {
    if (challenge !== undefined) await clock.sleep(LATE_MS, signal)
    return undefined
  }
  if (!isDropped(member, idFromWire(id.chunkCid))) return undefined
  if (challenge === undefined) return NOT_FOUND
  switch (member.dishonesty) {
    case 'admits':
      return answerOf({ code: ChallengeCode.CHALLENGE_MISSING })
    case 'silent':
      await clock.sleep(60_000, signal)
      return undefined
    case 'proxies':
      return await proxied(network, challenge, from, signal)
    default:
      return answerOf({
        code: ChallengeCode.CHALLENGE_OK,
        ...(challenge.reveal
          ? { revealed: Uint8Array.from(challenge.nonce.subarray(0, challenge.length)) }
          : { proof: Uint8Array.from(hash('sha256', challenge.nonce, 'buffer')) }),
      })
  }
}

/** Fetches the chunk from whoever has it, and answers with it. */
async function proxied(
  network: Network,
  challenge: ChallengeRequest,
  asker: PeerId,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const id = idFromWire(challenge.chunkCid)
  for (const { peer } of network.connectedPeers()) {
    if (peer === asker) continue
    const incoming = await openChunk(network, peer, { id }, { signal, timeoutMs: 5_000 }).catch(
      () => undefined,
    )
    if (incoming === undefined) continue
    const whole = Buffer.concat(await Array.fromAsync(incoming.frames))
    if (incoming.code !== 'RETRIEVE_OK' || contentIdOf(whole) !== id) continue
    const range = whole.subarray(challenge.offset, challenge.offset + challenge.length)
    return answerOf({
      code: ChallengeCode.CHALLENGE_OK,
      ...(challenge.reveal
        ? { revealed: Uint8Array.from(range) }
        : { proof: Uint8Array.from(hash('sha256', Buffer.concat([challenge.nonce, range]), 'buffer')) }),
    })
  }
  return answerOf({ code: ChallengeCode.CHALLENGE_MISSING })
}

const NOT_FOUND = encodeResponse({
  retrieveChunk: {
    code: RetrieveChunkCode.RETRIEVE_NOT_FOUND,
    totalSizeBytes: 0,
    offset: 0,
    length: 0,
    retryAfterMs: 0,
  },
})

function answerOf(answer: {
  code: ChallengeCode
  proof?: Uint8Array<ArrayBuffer>
  revealed?: Uint8Array<ArrayBuffer>
}): Uint8Array {
  return encodeResponse({ challenge: { proof: new Uint8Array(0), revealed: new Uint8Array(0), ...answer } })
}

/** The same chunks every time, spread evenly. */
function isDropped({ dropped }: AuditedMember, id: ContentId): boolean {
  return hash('sha256', `dropped ${id}`, 'buffer').readUInt32BE(0) < dropped * 2 ** 32
}

function assertNever(): never {
  throw new Error('there is always one')
}
