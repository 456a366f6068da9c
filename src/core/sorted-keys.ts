import { hash } from 'node:crypto'

/** A block is split when it would pass this; small enough to shift cheaply, large enough to keep few blocks. */
const BLOCK_KEYS_MAX = 256
/** Neighbours are joined when together they hold no more than this, so that deletions do not leave a trail of crumbs. */
const BLOCK_KEYS_JOINED_MAX = (BLOCK_KEYS_MAX * 3) / 4
/** Sums are numbers modulo 2^256 in eight lanes of 32 bits, lowest first. */
const LANES = 8
const LANE = 2 ** 32
/** A block's lane is below 2^40; after this many additions carries are settled, so a lane stays an exact double. */
const ADDITIONS_BEFORE_CARRY = 4096

/** Bytes of a range's fingerprint. */
export const FINGERPRINT_BYTES = 16

interface Block {
  /** `count` keys side by side, ascending; the rest of the buffer is free. */
  keys: Uint8Array
  count: number
  /** Lane sums of the keys, not carried. */
  sums: Float64Array
}

/**
 * Different keys of one length, in byte order, with quick fingerprints of any range.
 *
 * Kept as a list of blocks of up to 256 keys, each with the sum of its keys: adding and deleting shift within one
 * block, and the fingerprint of a range adds up block sums and looks into at most two blocks. A *rank* is the number
 * of keys below a place.
 */
export class SortedKeys {
  readonly keyBytes: number
  #blocks: Block[] = []
  #size = 0
  #version = 0
  /** `#starts[i]` is the rank of block i's first key; rebuilt when asked for after a change. */
  #starts: Uint32Array = new Uint32Array(0)
  #startsVersion = 0

  /** @param keyBytes length of every key; the caller checks it. */
  constructor(keyBytes: number) {
    this.keyBytes = keyBytes
  }

  get size(): number {
    return this.#size
  }

  /** Changes with every change of the set. */
  get version(): number {
    return this.#version
  }

  has(key: Uint8Array): boolean {
    const block = this.#blocks[this.#blockFor(key)]
    return block !== undefined && this.#matches(block, this.#lowerBound(block, key), key)
  }

  /** False when the key was there already. The key is copied. */
  add(key: Uint8Array): boolean {
    let index = this.#blockFor(key)
    let block = this.#blocks[index]
    if (block === undefined) {
      block = this.#emptyBlock()
      this.#blocks.push(block)
    }
    let place = this.#lowerBound(block, key)
    if (this.#matches(block, place, key)) return false
    if (block.count === BLOCK_KEYS_MAX) {
      // Keys that arrive in order would leave every block half full, so the last block is left full instead.
      const isAppend = index === this.#blocks.length - 1 && place === block.count
      const kept = isAppend ? block.count : block.count >> 1
      this.#splitBlock(index, kept)
      if (isAppend || place > kept) {
        index += 1
        block = this.#blocks[index] as Block
        place -= kept
      }
    }
    const { keyBytes } = this
    block.keys.copyWithin((place + 1) * keyBytes, place * keyBytes, block.count * keyBytes)
    block.keys.set(key, place * keyBytes)
    block.count += 1
    addKey(block.sums, key, 0, keyBytes, 1)
    this.#size += 1
    this.#version += 1
    return true
  }

  /** False when the key was not there. */
  delete(key: Uint8Array): boolean {
    const index = this.#blockFor(key)
    const block = this.#blocks[index]
    if (block === undefined) return false
    const place = this.#lowerBound(block, key)
    if (!this.#matches(block, place, key)) return false
    const { keyBytes } = this
    addKey(block.sums, key, 0, keyBytes, -1)
    block.keys.copyWithin(place * keyBytes, (place + 1) * keyBytes, block.count * keyBytes)
    block.count -= 1
    this.#size -= 1
    this.#version += 1
    if (block.count === 0) this.#blocks.splice(index, 1)
    else if (!this.#joinWithNext(index)) this.#joinWithNext(index - 1)
    return true
  }

  /** How many keys are below `bound`, which may be shorter than a key and then stands for itself and zeros. */
  rankOf(bound: Uint8Array): number {
    const index = this.#blockFor(bound)
    const block = this.#blocks[index]
    if (block === undefined) return 0
    return (this.#currentStarts()[index] as number) + this.#lowerBound(block, bound)
  }

  /** A copy of the key at `rank`, which must be below `size`. */
  keyAt(rank: number): Uint8Array {
    const index = this.#blockOfRank(rank)
    const block = this.#blocks[index] as Block
    const at = (rank - (this.#currentStarts()[index] as number)) * this.keyBytes
    return block.keys.slice(at, at + this.keyBytes)
  }

  /** Copies of the keys at ranks `from` up to, not including, `to`. */
  *slice(from: number, to: number): Generator<Uint8Array> {
    for (let rank = from; rank < to; rank++) yield this.keyAt(rank)
  }

  /**
   * The fingerprint of the keys at ranks `from` up to `to`: the first 16 bytes of
   * SHA-256(sum of the keys as little-endian numbers modulo 2^256, 32 bytes | number of keys, 4 bytes), both little-endian.
   */
  fingerprint(from: number, to: number): Uint8Array {
    const sums = this.#sumBetween(from, to)
    const bytes = new Uint8Array(LANES * 4 + 4)
    const view = new DataView(bytes.buffer)
    for (let lane = 0; lane < LANES; lane++) view.setUint32(lane * 4, sums[lane] as number, true)
    view.setUint32(LANES * 4, to - from, true)
    return Uint8Array.from(hash('sha256', bytes, 'buffer').subarray(0, FINGERPRINT_BYTES))
  }

  #sumBetween(from: number, to: number): Float64Array {
    const sums = new Float64Array(LANES)
    let additions = 0
    const starts = this.#currentStarts()
    for (let index = this.#blockOfRank(from), rank = from; rank < to; index++) {
      const block = this.#blocks[index] as Block
      const start = starts[index] as number
      const end = Math.min(start + block.count, to)
      if (end - rank === block.count) {
        for (let lane = 0; lane < LANES; lane++)
          sums[lane] = (sums[lane] as number) + (block.sums[lane] as number)
      } else {
        for (let inner = rank; inner < end; inner++) {
          addKey(sums, block.keys, (inner - start) * this.keyBytes, this.keyBytes, 1)
        }
      }
      rank = end
      additions += 1
      if (additions % ADDITIONS_BEFORE_CARRY === 0) carry(sums)
    }
    carry(sums)
    return sums
  }

  /** The last block whose first key is not above `bound`, or the first block. */
  #blockFor(bound: Uint8Array): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareAt((this.#blocks[middle] as Block).keys, 0, this.keyBytes, bound) <= 0) low = middle + 1
      else high = middle
    }
    return Math.max(low - 1, 0)
  }

  /** The first place in the block whose key is not below `bound`. */
  #lowerBound(block: Block, bound: Uint8Array): number {
    let low = 0
    let high = block.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareAt(block.keys, middle * this.keyBytes, this.keyBytes, bound) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #matches(block: Block, place: number, key: Uint8Array): boolean {
    return place < block.count && compareAt(block.keys, place * this.keyBytes, this.keyBytes, key) === 0
  }

  #blockOfRank(rank: number): number {
    const starts = this.#currentStarts()
    let low = 0
    let high = starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((starts[middle] as number) <= rank) low = middle + 1
      else high = middle
    }
    return Math.max(low - 1, 0)
  }

  #currentStarts(): Uint32Array {
    if (this.#startsVersion !== this.#version) {
      this.#starts = new Uint32Array(this.#blocks.length)
      let rank = 0
      for (const [index, block] of this.#blocks.entries()) {
        this.#starts[index] = rank
        rank += block.count
      }
      this.#startsVersion = this.#version
    }
    return this.#starts
  }

  #emptyBlock(): Block {
    return { keys: new Uint8Array(BLOCK_KEYS_MAX * this.keyBytes), count: 0, sums: new Float64Array(LANES) }
  }

  /** Moves the keys from place `kept` on into a new block behind this one. */
  #splitBlock(index: number, kept: number): void {
    const block = this.#blocks[index] as Block
    const next = this.#emptyBlock()
    this.#moveKeys(block, kept, next)
    this.#blocks.splice(index + 1, 0, next)
  }

  #joinWithNext(index: number): boolean {
    const block = this.#blocks[index]
    const next = this.#blocks[index + 1]
    if (block === undefined || next === undefined) return false
    if (block.count + next.count > BLOCK_KEYS_JOINED_MAX) return false
    this.#moveKeys(next, 0, block)
    this.#blocks.splice(index + 1, 1)
    return true
  }

  /** Appends the keys of `source` from place `first` on to `target`. */
  #moveKeys(source: Block, first: number, target: Block): void {
    const { keyBytes } = this
    target.keys.set(source.keys.subarray(first * keyBytes, source.count * keyBytes), target.count * keyBytes)
    for (let place = first; place < source.count; place++) {
      addKey(source.sums, source.keys, place * keyBytes, keyBytes, -1)
      addKey(target.sums, source.keys, place * keyBytes, keyBytes, 1)
    }
    target.count += source.count - first
    source.count = first
  }
}

/** Byte order of two keys or bounds; a shorter one counts as followed by zeros. */
export function compareKeys(one: Uint8Array, other: Uint8Array): number {
  return one.length >= other.length
    ? compareAt(one, 0, one.length, other)
    : -compareAt(other, 0, other.length, one)
}

/** Byte order of the key at `at` against a bound that is no longer than it. */
function compareAt(keys: Uint8Array, at: number, keyBytes: number, bound: Uint8Array): number {
  for (let index = 0; index < keyBytes; index++) {
    const difference = (keys[at + index] as number) - (bound[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Adds `sign` times the key at `at` to the lanes; a key longer than 32 bytes counts as the sum of its pieces. */
function addKey(sums: Float64Array, keys: Uint8Array, at: number, keyBytes: number, sign: 1 | -1): void {
  for (let offset = 0, lane = 0; offset < keyBytes; offset += 4, lane = (lane + 1) % LANES) {
    let word = 0
    for (let index = Math.min(offset + 4, keyBytes) - 1; index >= offset; index--) {
      word = word * 256 + (keys[at + index] as number)
    }
    sums[lane] = (sums[lane] as number) + sign * word
  }
}

/** Brings every lane below 2^32, dropping what passes 2^256. */
function carry(sums: Float64Array): void {
  let over = 0
  for (let lane = 0; lane < LANES; lane++) {
    const value = (sums[lane] as number) + over
    over = Math.floor(value / LANE)
    sums[lane] = value - over * LANE
  }
}
