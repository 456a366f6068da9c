import { randomBytes, randomInt } from 'node:crypto'

/** The seam to chance: the simulator gives a seeded one, so that a run can be replayed. */
export interface Random {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array
  /** A whole number from 0 up to, not including, `limit`; `limit` from 1 to 2^32. */
  integer(limit: number): number
  /** A number from 0 up to, not including, 1. */
  fraction(): number
}

/** Random from the operating system; fit for keys. */
export class SystemRandom implements Random {
  bytes(count: number): Uint8Array {
    return randomBytes(count)
  }

  integer(limit: number): number {
    return randomInt(limit)
  }

  fraction(): number {
    return randomInt(2 ** 47) / 2 ** 47
  }
}

/** A repeatable random (xoshiro128**, Blackman and Vigna 2018). Never for real keys. */
export class SeededRandom implements Random {
  readonly #state: Uint32Array

  constructor(seed: number) {
    // SplitMix32 spreads a small seed over the whole state.
    let mixed = seed >>> 0
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let value = mixed
      value = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
      return (value ^ (value >>> 15)) >>> 0
    })
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let index = 0; index < count; index += 4) {
      let word = this.#next()
      for (let offset = index; offset < Math.min(index + 4, count); offset++) {
        bytes[offset] = word & 0xff
        word >>>= 8
      }
    }
    return bytes
  }

  integer(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  fraction(): number {
    return this.#next() / 2 ** 32
  }

  #next(): number {
    const state = this.#state
    const [a, b, c, d] = state as unknown as [number, number, number, number]
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const third = c ^ a
    const fourth = d ^ b
    state[1] = b ^ third
    state[0] = a ^ fourth
    state[2] = third ^ (b << 9)
    state[3] = (fourth << 11) | (fourth >>> 21)
    return result
  }
}

/** A shuffled copy (Fisher–Yates). */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const copy = [...items]
  for (let index = copy.length - 1; index > 0; index--) {
    const other = random.integer(index + 1)
    const held = copy[index] as T
    copy[index] = copy[other] as T
    copy[other] = held
  }
  return copy
}
