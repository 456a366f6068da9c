import assert from 'node:assert/strict'
import type { ChunkMemory } from './chunk-memory.ts'
import { type ErasureCode, SHARD_ALIGNMENT_BYTES, type StripeRoom } from './erasure-code.ts'
import { type StripeRooms, stripeRooms } from './stripe-rooms.ts'

/** What the rooms of one content in the making may take (bytes): two for 10+4 shards of 1 MiB, and … */
const ROOMS_BYTES_MAX = 32 * 1024 * 1024
/** … how many there may be: one is filled, one is written, one waits for its last write. */
const ROOMS_MAX = 3

/** A room with the stripe that lies in it. */
interface RoomInUse {
  readonly room: StripeRoom
  /** Views of the room that somebody still uses. */
  users: number
  /** Until then data stays, whoever uses it. */
  hasParity: boolean
}

/**
 * Memory for the chunks of one content: chunks are made in the order in which they will be k to a stripe, so once
 * the code is known each is given its place in a room where the parity can be computed without copying anything. A
 * room is used again when the parity is made and everybody has released what came from it. Without a code, and when
 * there is no room, memory comes from `outside`; the parity of such chunks is computed by copying.
 */
export class StripeMemory implements ChunkMemory {
  readonly #chunkBytesMax: number
  readonly #outside: ChunkMemory
  readonly #rooms: StripeRooms
  readonly #inUse = new Map<ArrayBufferLike, RoomInUse>()
  #code: ErasureCode | undefined
  #filling: RoomInUse | undefined
  /** How many chunks were given memory. */
  #taken = 0

  /** @param options `chunkBytesMax`: no chunk is longer; without it there are no rooms. @default 0 */
  constructor(
    parts: { outside: ChunkMemory; rooms?: StripeRooms },
    options: { chunkBytesMax?: number } = {},
  ) {
    this.#outside = parts.outside
    this.#rooms = parts.rooms ?? stripeRooms
    this.#chunkBytesMax = options.chunkBytesMax ?? 0
  }

  /** From now on there is parity; the first chunk that memory was taken for is the first of the first stripe. */
  begin(code: ErasureCode): void {
    this.#code = code
  }

  /** Memory for the next chunk. */
  take(sizeBytes: number): Uint8Array {
    const place = this.#taken++ % (this.#code?.k ?? 1)
    if (place === 0) this.#filling = this.#openRoom()
    const shard = this.#filling?.room.data[place]
    if (this.#filling === undefined || shard === undefined || sizeBytes > shard.byteLength) {
      return this.#outside.take(sizeBytes)
    }
    this.#filling.users++
    return shard.subarray(0, sizeBytes)
  }

  share(bytes: Uint8Array): void {
    const inUse = this.#inUse.get(bytes.buffer)
    if (inUse === undefined) this.#outside.share(bytes)
    else inUse.users++
  }

  release(bytes: Uint8Array): void {
    const inUse = this.#inUse.get(bytes.buffer)
    if (inUse === undefined) {
      this.#outside.release(bytes)
      return
    }
    inUse.users--
    this.#closeIfDone(inUse)
  }

  /**
   * The parity of a whole stripe, computed where its chunks lie if they lie in a room. Like bytes from `take`, the
   * caller uses what it gets until it releases it.
   * @param chunks the first data shards, at least one; they are used only during the call.
   */
  parityOf(chunks: readonly Uint8Array[]): Uint8Array[] {
    assert(this.#code !== undefined, 'parity needs a code')
    const inUse = this.#roomOf(chunks) ?? this.#copyIn(chunks)
    if (inUse === undefined) {
      const parity = this.#code.encode(paddedStripe(chunks, this.#code.k))
      // Rooms with some of them wait for no other parity.
      for (const { buffer } of chunks) this.#markDone(this.#inUse.get(buffer))
      return parity
    }
    const parity = inUse.room.encode(chunks.map(({ byteLength }) => byteLength))
    inUse.hasParity = true
    inUse.users += parity.length
    return parity
  }

  /** At the end, or when all is given up. Rooms with bytes that somebody still uses are left to them. */
  end(): void {
    for (const { room, users } of this.#inUse.values()) {
      if (users === 0) this.#rooms.give(room)
      else this.#rooms.forget(room)
    }
    this.#inUse.clear()
    this.#filling = undefined
  }

  #openRoom(): RoomInUse | undefined {
    if (this.#code === undefined || this.#chunkBytesMax === 0) return undefined
    const roomBytes = (this.#code.k + this.#code.m) * this.#chunkBytesMax
    const count = this.#inUse.size + 1
    if (count > ROOMS_MAX || count * roomBytes > ROOMS_BYTES_MAX) return undefined
    const room = this.#rooms.take(this.#code, this.#chunkBytesMax)
    if (room === undefined) return undefined
    const inUse = { room, users: 0, hasParity: false }
    this.#inUse.set(bufferOf(room), inUse)
    return inUse
  }

  /** The room in which these chunks lie, each at its place. */
  #roomOf(chunks: readonly Uint8Array[]): RoomInUse | undefined {
    const [first] = chunks as [Uint8Array]
    const inUse = this.#inUse.get(first.buffer)
    if (inUse === undefined || inUse.hasParity) return undefined
    const isThere = chunks.every(({ buffer, byteOffset }, place) => {
      const shard = inUse.room.data[place]
      return shard !== undefined && shard.buffer === buffer && shard.byteOffset === byteOffset
    })
    return isThere ? inUse : undefined
  }

  /** A room with copies of chunks that all came from outside; undefined when some did not, or there is no room. */
  #copyIn(chunks: readonly Uint8Array[]): RoomInUse | undefined {
    const fits = (bytes: Uint8Array) =>
      bytes.byteLength <= this.#chunkBytesMax && !this.#inUse.has(bytes.buffer)
    const inUse = chunks.every(fits) ? this.#openRoom() : undefined
    for (const [place, bytes] of chunks.entries()) inUse?.room.data[place]?.set(bytes)
    return inUse
  }

  #markDone(inUse: RoomInUse | undefined): void {
    if (inUse === undefined) return
    inUse.hasParity = true
    this.#closeIfDone(inUse)
  }

  #closeIfDone(inUse: RoomInUse): void {
    if (!inUse.hasParity || inUse.users > 0) return
    if (this.#filling === inUse) this.#filling = undefined
    this.#inUse.delete(bufferOf(inUse.room))
    this.#rooms.give(inUse.room)
  }
}

/** All places of a room lie in one. */
function bufferOf(room: StripeRoom): ArrayBufferLike {
  return (room.data[0] as Uint8Array).buffer
}

/** All k shards in one length, zeros behind each and for those that a short stripe lacks. */
function paddedStripe(chunks: readonly Uint8Array[], k: number): Uint8Array[] {
  const longest = chunks.reduce((most, { byteLength }) => Math.max(most, byteLength), 0)
  const shardBytes = Math.ceil(longest / SHARD_ALIGNMENT_BYTES) * SHARD_ALIGNMENT_BYTES
  return Array.from({ length: k }, (_, place) => padded(chunks[place] ?? new Uint8Array(0), shardBytes))
}

function padded(bytes: Uint8Array, lengthBytes: number): Uint8Array {
  if (bytes.byteLength === lengthBytes) return bytes
  const shard = new Uint8Array(lengthBytes)
  shard.set(bytes)
  return shard
}
