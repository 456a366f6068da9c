/**
 * The behaviours of r-04 that are about storing: members that claim room they do not have, and members that confirm
 * chunks and do not keep them. The whole of `content/` in virtual time; the honest must end up with every copy.
 */

import type { DurabilityPolicy } from '../../src/content/content.ts'
import { StoreChunkCode } from '../../src/content/dds-messages.js'
import { DDS_PROTOCOLS, decodeRequest, encodeResponse, toBitmap } from '../../src/content/dds-protocol.ts'
import { advanceUntil, inTime } from '../../src/content/rot-healing.suite.ts'
import {
  randomContent,
  sourceOf,
  type TestNode,
  TestSpace,
} from '../../src/content/space-under-test.suite.ts'
import type { ContentId } from '../../src/core/content-id.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import type { Network, RequestHandler } from '../../src/network/network.ts'

/** What a hostile member does with chunks it is to keep. */
type Storing =
  | 'claims room it does not have'
  | 'confirms and keeps nothing'
  | 'confirms, and says that it has all'
export const STORING: readonly Storing[] = [
  'claims room it does not have',
  'confirms and keeps nothing',
  'confirms, and says that it has all',
]

const HONEST = 5
const HOSTILE = 3
/** More than anybody has: placement prefers who says so. */
const CLAIMED_BYTES = 2 ** 52
const OBJECTS: readonly { sizeBytes: number; policy: DurabilityPolicy }[] = [
  { sizeBytes: 60_000, policy: { kind: 'replica', copies: 3 } },
  { sizeBytes: 900_000, policy: { kind: 'rs', k: 3, m: 2 } },
]
/** In virtual time: who confirmed and has not is found by comparing holdings and by audits. */
const HEALED_MS_MAX = 24 * 3_600_000
/** Chunks that one hostile member is offered of each object, at most, until it is left alone. */
const OFFERS_MAX = 40

interface Hostile {
  node: TestNode
  offers: number
}

/** Plays one behaviour in a space; what failed, one line each. */
export async function playStoring(storing: Storing, seed: number): Promise<string[]> {
  const clock = new VirtualClock()
  const space = new TestSpace({ clock, seed })
  space.hub.setAllLinks({ delayMs: 20 })
  const failures: string[] = []
  try {
    const content = {
      graceMs: 600_000,
      settleMs: 60_000,
      standbyMs: 60_000,
      repairIntervalMs: 300_000,
      holdingsIntervalMs: 300_000,
    }
    const honest: TestNode[] = []
    for (let count = 0; count < HONEST; count++) honest.push(await inTime(clock, space.addNode({ content })))
    const hostile: Hostile[] = []
    for (let count = 0; count < HOSTILE; count++) {
      const facts = { offers: 0 }
      const wrapNetwork = (inner: Network) => lying(inner, storing, facts)
      const node = await inTime(clock, space.addNode({ content, wrapNetwork }))
      node.view.freeBytes = CLAIMED_BYTES
      hostile.push(Object.assign(facts, { node }))
    }
    space.tell()
    const [publisher, reader] = honest as [TestNode, TestNode]
    for (const [place, { sizeBytes, policy }] of OBJECTS.entries()) {
      const bytes = randomContent(sizeBytes, seed * OBJECTS.length + place)
      const before = await publisher.stored()
      const { id } = await inTime(clock, publisher.content.publish(sourceOf(bytes), { policy }))
      const ids = [...(await publisher.stored()).difference(before)]
      const others = honest.filter((node) => node !== publisher)
      const isHealed = await advanceUntil(clock, () => areCopiesTrue(others, ids, policy), HEALED_MS_MAX)
      if (!isHealed) failures.push(`${storing}: ${policy.kind} has not its copies after a day`)
      const whole = await inTime(clock, readAll(reader, id)).catch((error) => error as Error)
      if (!(whole instanceof Buffer)) failures.push(`${storing}: not read: ${whole}`)
      else if (!whole.equals(bytes)) failures.push(`${storing}: wrong bytes were handed out`)
    }
    for (const { offers } of hostile) {
      if (offers > OFFERS_MAX * OBJECTS.length) failures.push(`${storing}: offered ${offers} chunks to one`)
    }
    for (const node of honest) {
      const blamed = honest.filter(({ peer }) => node.content.audits.isSuspended(peer))
      if (blamed.length > 0) failures.push(`${storing}: an honest member was suspended`)
    }
    return failures
  } finally {
    await inTime(clock, space.stop())
  }
}

/** Whether the honest, but for the publisher, really hold what the policy asks for; one copy may be the publisher's. */
async function areCopiesTrue(
  others: readonly TestNode[],
  ids: readonly ContentId[],
  policy: DurabilityPolicy,
): Promise<boolean> {
  const stores = await Promise.all(others.map((node) => node.stored()))
  const copies = ids.map((id) => stores.filter((stored) => stored.has(id)).length)
  if (policy.kind === 'replica') return copies.every((count) => count >= policy.copies - 1)
  // The manifest, one shard of each stripe and no more may be the publisher's alone.
  const alone = copies.filter((count) => count === 0).length
  return alone <= Math.ceil(ids.length / (policy.k + policy.m))
}

async function readAll(reader: TestNode, id: ContentId): Promise<Buffer> {
  const { bytes } = await reader.content.retrieve(id, { timeoutMs: 60_000 })
  return Buffer.concat(await Array.fromAsync(bytes))
}

/** A network whose node answers offers of chunks as `storing` says. */
function lying(inner: Network, storing: Storing, facts: { offers: number }): Network {
  const answer = (handler: RequestHandler): RequestHandler =>
    async function* (frames, context) {
      const body = frames[Symbol.asyncIterator]()
      const first = await body.next()
      if (first.done === true) return
      const { storeChunk, have } = decodeRequest(first.value)
      if (storeChunk !== undefined) {
        facts.offers++
        for (let next = await body.next(); next.done !== true; next = await body.next());
        const code =
          storing === 'claims room it does not have'
            ? StoreChunkCode.STORE_REFUSED_QUOTA
            : StoreChunkCode.STORE_OK
        yield encodeResponse({ storeChunk: { code, chunkCid: storeChunk.chunkCid, alreadyHeld: false } })
      } else if (have !== undefined && storing === 'confirms, and says that it has all') {
        const all = toBitmap(Array(have.chunkCids.length).fill(true))
        yield encodeResponse({ have: { held: all, kept: all, knownHolders: [] } })
      } else yield* handler(rejoined(first.value, body), context)
    }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'handle') {
        const handle: Network['handle'] = (protocol, handler) =>
          target.handle(
            protocol,
            (DDS_PROTOCOLS as readonly string[]).includes(protocol) ? answer(handler) : handler,
          )
        return handle
      }
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function* rejoined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}
