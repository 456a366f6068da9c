import type { ErasureCode } from '../storage/erasure-code.ts'
import { ReedSolomonCode } from '../storage/reed-solomon.ts'
import { createScalarXorMachine } from '../storage/scalar-xor-machine.ts'

/** In stripes of up to so many shards it is tried to leave out one, … */
const ONE_TRIED_UP_TO = 40
/** … and in stripes of up to so many two: it takes the processor milliseconds for each try. */
const TWO_TRIED_UP_TO = 24

/** Codes kept; a community uses a handful of policies. */
const CODES_MAX = 8
const codes = new Map<string, ErasureCode>()

/** What the same range of a stripe's shards shows when the shards are compared. */
export type LeafVerdict =
  /** They fit together, so each is right: more than m would have to lie, and to know the others' bytes. */
  | { kind: 'agree' }
  /** Without these places the others fit together; empty when no one or two explain it. */
  | { kind: 'disagree'; wrong: readonly number[] }
  /** Fewer than k + 1: any k fit together. */
  | { kind: 'too-few' }

/**
 * Compares one range of the shards of a stripe. The code works on blocks of 128 bytes, one by one, so the same
 * blocks of all shards are a small stripe of their own: who holds k + 1 of them can see whether they are right
 * without any shard.
 *
 * @param leaves `k + m` places, data first, of one length that is a multiple of 128; undefined where unknown.
 */
export function compareLeaves(
  shape: { k: number; m: number },
  leaves: readonly (Uint8Array | undefined)[],
): LeafVerdict {
  const code = codeOf(shape)
  const given = leaves.flatMap((leaf, place) => (leaf === undefined ? [] : [place]))
  if (given.length <= shape.k) return { kind: 'too-few' }
  if (fitTogether(code, leaves, given)) return { kind: 'agree' }
  for (const wrong of suspectsOf(given, shape.k)) {
    const others = given.filter((place) => !wrong.includes(place))
    if (fitTogether(code, leaves, others)) return { kind: 'disagree', wrong }
  }
  return { kind: 'disagree', wrong: [] }
}

/** Without WebAssembly: for so few bytes compiling does not pay, and would push out programs that are in use. */
function codeOf({ k, m }: { k: number; m: number }): ErasureCode {
  const name = `${k}+${m}`
  const code = codes.get(name) ?? new ReedSolomonCode(createScalarXorMachine(), { k, m })
  if (codes.size >= CODES_MAX) codes.clear()
  codes.set(name, code)
  return code
}

/** Which places to leave out, one and then two, as long as more than k are left. */
function* suspectsOf(given: readonly number[], k: number): Generator<number[]> {
  if (given.length - 1 <= k || given.length > ONE_TRIED_UP_TO) return
  for (const place of given) yield [place]
  if (given.length - 2 <= k || given.length > TWO_TRIED_UP_TO) return
  for (const [index, place] of given.entries()) {
    for (const other of given.slice(index + 1)) yield [place, other]
  }
}

function fitTogether(
  code: ErasureCode,
  leaves: readonly (Uint8Array | undefined)[],
  places: readonly number[],
): boolean {
  const base = new Set(places.slice(0, code.k))
  const whole = code.reconstruct(leaves.map((leaf, place) => (base.has(place) ? leaf : undefined)))
  return places
    .slice(code.k)
    .every((place) => Buffer.compare(whole[place] as Uint8Array, leaves[place] as Uint8Array) === 0)
}
