/** The ways in which a peer can answer badly, for r-04: each as the frames it sends instead of the chunk asked for. */
import { RetrieveChunkCode, StoreChunkCode } from '../../src/content/dds-messages.js'
import { decodeRequest, encodeResponse, framesOf, toBitmap } from '../../src/content/dds-protocol.ts'
import { UnauthorisedPeerError } from '../../src/content/errors.ts'
import type { Clock } from '../../src/core/clock.ts'
import { type ContentId, contentIdFromDigest, digestOf } from '../../src/core/content-id.ts'
import { ConnectionLostError } from '../../src/network/errors.ts'

/** What a peer knows when it is asked for a chunk. */
export interface Asked {
  id: ContentId
  offset: number
  /** The right bytes, whole. */
  bytes: Uint8Array
  /** Another chunk, and the forged manifests of the object. */
  other: Uint8Array
  forgedManifest: Uint8Array
  forgedHash: Uint8Array
  isManifest: boolean
  clock: Clock
}

type Frames = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

export interface Behaviour {
  name: string
  retrieve: (asked: Asked) => Frames
  /** What it says it has. @default everything */
  have?: (ids: number) => Frames
  /** It answers badly only when asked for the manifest. */
  onlyManifest?: true
}

const { RETRIEVE_OK, RETRIEVE_NOT_FOUND, RETRIEVE_BUSY, RETRIEVE_UNAUTHORISED, RETRIEVE_DAMAGED } =
  RetrieveChunkCode
const SECOND = 1_000
const HOUR = 3_600 * SECOND

function header(facts: {
  code?: RetrieveChunkCode
  total?: number
  offset?: number
  length?: number
  retryAfterMs?: number
}): Uint8Array {
  const { code = RETRIEVE_OK, total = 0, offset = 0, length = total - offset, retryAfterMs = 0 } = facts
  return encodeResponse({ retrieveChunk: { code, totalSizeBytes: total, offset, length, retryAfterMs } })
}

/** The right answer, cut into frames: the header first. */
export function* honestAnswer({ bytes, offset }: Asked): Generator<Uint8Array> {
  yield header({ total: bytes.byteLength, offset })
  yield* framesOf(bytes.subarray(offset))
}

function* spoilt(
  { bytes, offset }: Asked,
  spoil: (frame: Uint8Array, index: number, last: boolean) => Uint8Array,
) {
  yield header({ total: bytes.byteLength, offset })
  const frames = [...framesOf(bytes.subarray(offset))]
  for (const [index, frame] of frames.entries())
    yield spoil(Uint8Array.from(frame), index, index === frames.length - 1)
}

function flip(frame: Uint8Array, place: number): Uint8Array {
  frame[place] = (frame[place] ?? 0) ^ 1
  return frame
}

function* code(answer: RetrieveChunkCode, retryAfterMs = 0) {
  yield header({ code: answer, retryAfterMs })
}

async function* half(asked: Asked, then: () => Promise<unknown>, spoil = false) {
  const part = asked.bytes.subarray(
    asked.offset,
    asked.offset + ((asked.bytes.byteLength - asked.offset) >> 1),
  )
  yield header({ total: asked.bytes.byteLength, offset: asked.offset })
  for (const frame of framesOf(part)) yield spoil ? flip(Uint8Array.from(frame), 0) : frame
  await then()
}

function breakOff(): Promise<never> {
  return Promise.reject(new ConnectionLostError({ peer: 'nobody' as never, protocol: 'test' }))
}

async function* forEver(asked: Asked, frame: Uint8Array, everyMs: number, total = asked.bytes.byteLength) {
  yield header({ total, offset: asked.offset })
  for (;;) {
    if (everyMs > 0) await asked.clock.sleep(everyMs)
    yield frame
  }
}

/** Twenty-seven ways; every row of the table names one. */
export const BEHAVIOURS: readonly Behaviour[] = [
  { name: 'wrong bytes', retrieve: (asked) => spoilt(asked, (frame) => flip(frame, 0)) },
  {
    name: 'one wrong bit at the very end',
    retrieve: (asked) =>
      spoilt(asked, (frame, _, last) => (last ? flip(frame, frame.byteLength - 1) : frame)),
  },
  { name: 'truncated, with a polite end', retrieve: (asked) => half(asked, async () => {}) },
  { name: 'reset in the middle', retrieve: (asked) => half(asked, breakOff) },
  { name: 'poisoned half, then reset', retrieve: (asked) => half(asked, breakOff, true) },
  {
    name: 'right bytes, length one too many',
    retrieve: function* (asked) {
      yield header({ total: asked.bytes.byteLength + 1, offset: asked.offset })
      yield* framesOf(asked.bytes.subarray(asked.offset))
      yield new Uint8Array(1)
    },
  },
  {
    name: 'right beginning, length one too few',
    retrieve: function* (asked) {
      yield header({ total: asked.bytes.byteLength - 1, offset: asked.offset })
      yield* framesOf(asked.bytes.subarray(asked.offset, -1))
    },
  },
  {
    name: 'a length of four gigabytes',
    retrieve: (asked) => forEver(asked, new Uint8Array(65_536), 10, 0xffffffff),
  },
  { name: 'an endless stream', retrieve: (asked) => forEver(asked, new Uint8Array(65_536), 0) },
  { name: 'endless frames without content', retrieve: (asked) => forEver(asked, new Uint8Array(0), 20) },
  { name: 'a byte a second', retrieve: (asked) => forEver(asked, new Uint8Array(1), SECOND) },
  { name: 'says it has all and finds nothing', retrieve: () => code(RETRIEVE_NOT_FOUND) },
  {
    name: 'denies what it has',
    retrieve: () => code(RETRIEVE_NOT_FOUND),
    have: (count) => [haveAnswer(Array(count).fill(false))],
  },
  {
    name: 'five seconds to the first byte',
    retrieve: async function* (asked) {
      await asked.clock.sleep(5 * SECOND)
      yield* honestAnswer(asked)
    },
  },
  { name: 'stalls after a half', retrieve: (asked) => half(asked, () => asked.clock.sleep(HOUR)) },
  {
    name: 'never answers',
    // biome-ignore lint/correctness/useYield: that is what it does.
    retrieve: async function* (asked) {
      await asked.clock.sleep(HOUR)
    },
  },
  {
    name: 'every frame twice',
    retrieve: function* (asked) {
      yield header({ total: asked.bytes.byteLength, offset: asked.offset })
      for (const frame of framesOf(asked.bytes.subarray(asked.offset))) yield* [frame, frame]
    },
  },
  {
    name: 'frames backwards',
    retrieve: function* (asked) {
      const { bytes, offset } = asked
      yield header({ total: bytes.byteLength, offset })
      const frames = [...framesOf(bytes.subarray(offset))].toReversed()
      yield* frames.length > 1 ? frames : frames.map((frame) => Uint8Array.from(frame).reverse())
    },
  },
  {
    name: 'another chunk, valid for its own id',
    retrieve: ({ other, ...asked }) => honestAnswer({ ...asked, other, bytes: other, offset: 0 }),
  },
  {
    name: 'answers another question',
    retrieve: ({ id }) => [
      encodeResponse({
        storeChunk: {
          code: StoreChunkCode.STORE_OK,
          chunkCid: Uint8Array.from(digestOf(id)),
          alreadyHeld: true,
        },
      }),
    ],
  },
  { name: 'a message that is none', retrieve: () => [new Uint8Array(64).fill(0xff)] },
  { name: 'busy for ever', retrieve: () => code(RETRIEVE_BUSY, 1) },
  { name: 'busy for seven weeks', retrieve: () => code(RETRIEVE_BUSY, 0xffffffff) },
  { name: 'refuses a member', retrieve: () => code(RETRIEVE_UNAUTHORISED) },
  { name: 'says its copy is damaged', retrieve: () => code(RETRIEVE_DAMAGED) },
  {
    name: 'a forged manifest of other chunks',
    onlyManifest: true,
    retrieve: (asked) =>
      honestAnswer({ ...asked, ...(asked.isManifest ? { bytes: asked.forgedManifest, offset: 0 } : {}) }),
  },
  {
    name: 'a forged whole hash',
    onlyManifest: true,
    retrieve: (asked) =>
      honestAnswer({ ...asked, ...(asked.isManifest ? { bytes: asked.forgedHash, offset: 0 } : {}) }),
  },
  {
    name: 'goes on from another place than asked',
    retrieve: (asked) => {
      if (asked.offset === 0) return half(asked, breakOff)
      return [
        header({ total: asked.bytes.byteLength, offset: asked.offset }),
        ...framesOf(asked.bytes.subarray(0, asked.bytes.byteLength - asked.offset)),
      ]
    },
  },
  {
    name: 'garbage about what it has',
    retrieve: (asked) => spoilt(asked, (frame) => flip(frame, 0)),
    have: () => [
      encodeResponse({
        have: { held: new Uint8Array(60_000).fill(0xff), kept: new Uint8Array(1), knownHolders: [] },
      }),
    ],
  },
  {
    name: 'names sixteen holders that do not exist',
    retrieve: () => code(RETRIEVE_NOT_FOUND),
    have: (count) => [
      encodeResponse({
        have: {
          held: toBitmap(Array(count).fill(true)),
          kept: toBitmap(Array(count).fill(true)),
          knownHolders: Array.from({ length: 16 }, (_, index) => new Uint8Array(32).fill(index + 1)),
        },
      }),
    ],
  },
]

/** A handler that does what `behaviour` says. */
export function behave(
  behaviour: Behaviour,
  facts: (id: ContentId) => Omit<Asked, 'id' | 'offset'> | undefined,
): (frames: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  return async function* (frames) {
    const first = await frames[Symbol.asyncIterator]().next()
    if (first.done === true) return
    const { have, retrieveChunk } = decodeRequest(first.value)
    if (have !== undefined) {
      const count = have.chunkCids.length
      yield* behaviour.have?.(count) ?? [haveAnswer(Array(count).fill(true))]
    } else if (retrieveChunk !== undefined) {
      const id = contentIdFromDigest(retrieveChunk.chunkCid)
      const known = facts(id)
      if (known === undefined) yield* code(RETRIEVE_NOT_FOUND)
      else yield* behaviour.retrieve({ ...known, id, offset: retrieveChunk.offset })
    } else throw new UnauthorisedPeerError({ peer: 'nobody' as never })
  }
}

export const HONEST: Behaviour = { name: 'honest', retrieve: honestAnswer }
export const HAS_NOTHING: Behaviour = {
  name: 'has nothing',
  retrieve: () => code(RETRIEVE_NOT_FOUND),
  have: (count) => [haveAnswer(Array(count).fill(false))],
}
/** Honest, and finds every second chunk of its own damaged. */
export const FAULTY_DISK: Behaviour = {
  name: 'a faulty disk',
  retrieve: (asked) =>
    (asked.bytes[0] ?? 0) % 2 === 0 || asked.isManifest ? code(RETRIEVE_DAMAGED) : honestAnswer(asked),
}

function haveAnswer(held: boolean[]): Uint8Array {
  return encodeResponse({ have: { held: toBitmap(held), kept: toBitmap(held), knownHolders: [] } })
}
