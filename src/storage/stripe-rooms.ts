import type { ErasureCode, StripeRoom } from './erasure-code.ts'

/** All rooms of this process together, used or not (bytes). Who gets none computes parity by copying. */
const ROOMS_BYTES_MAX = 96 * 1024 * 1024
/** A room that takes more than this is not worth it: with hundreds of shards copying hardly matters (bytes). */
const ROOM_BYTES_MAX = 32 * 1024 * 1024
/** Rooms that nobody uses now (bytes): one for 10+4 shards of 1 MiB. */
const IDLE_BYTES_MAX = 16 * 1024 * 1024

/** Rooms for stripes, used again: fresh memory would cost about as much as the parity itself. */
export class StripeRooms {
  readonly #bytesMax: number
  readonly #idle: { key: string; room: StripeRoom }[] = []
  readonly #used = new Map<StripeRoom, string>()

  /** @param options `bytesMax` bounds all rooms together. @default 96 MiB */
  constructor(options: { bytesMax?: number } = {}) {
    this.#bytesMax = options.bytesMax ?? ROOMS_BYTES_MAX
  }

  /** A room for stripes of this code with data shards up to so long; undefined when there is no memory for it now. */
  take(code: ErasureCode, shardBytesMax: number): StripeRoom | undefined {
    const key = `${code.k}+${code.m} ${shardBytesMax}`
    const index = this.#idle.findLastIndex((one) => one.key === key)
    const room = this.#idle.splice(index, index < 0 ? 0 : 1)[0]?.room ?? this.#create(code, shardBytesMax)
    if (room !== undefined) this.#used.set(room, key)
    return room
  }

  /** Nobody reads the room or writes to it any more. */
  give(room: StripeRoom): void {
    const key = this.#used.get(room)
    if (key === undefined) return
    this.#used.delete(room)
    this.#idle.push({ key, room })
    while (sizeOf(this.#idle.map((one) => one.room)) > IDLE_BYTES_MAX) this.#idle.shift()
  }

  /** Somebody may still read the room or write to it: it goes when they are done, and is not used again. */
  forget(room: StripeRoom): void {
    this.#used.delete(room)
  }

  #create(code: ErasureCode, shardBytesMax: number): StripeRoom | undefined {
    const sizeBytes = (code.k + code.m) * shardBytesMax
    if (sizeBytes > ROOM_BYTES_MAX) return undefined
    const usedBytes = sizeOf([...this.#used.keys()])
    // Idle rooms of other shapes make way, oldest first.
    while (
      this.#idle.length > 0 &&
      usedBytes + sizeOf(this.#idle.map((one) => one.room)) + sizeBytes > this.#bytesMax
    ) {
      this.#idle.shift()
    }
    return usedBytes + sizeBytes > this.#bytesMax ? undefined : code.createRoom(shardBytesMax)
  }
}

/** The rooms of this process. */
export const stripeRooms = new StripeRooms()

function sizeOf(rooms: readonly StripeRoom[]): number {
  return rooms.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
