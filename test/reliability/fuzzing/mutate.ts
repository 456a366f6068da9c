import type { SeededRandom } from '../../../src/core/random.ts'

/** Longest input that is tried; parsers refuse longer ones by their length alone, which has tests of its own. */
const INPUT_BYTES_MAX = 64 * 1024
/** Changes to one input. */
const CHANGES_MAX = 6

/** Numbers at the edges of what formats hold, little and big endian, and as varints. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
/** Heads of protobuf, CBOR and DER with lengths and nestings at the edges. */
const HEADS = [
  [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x00],
  [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x5b, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00],
  [0xbf, 0xff],
  [0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81],
  [0xa1, 0x69, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f],
  [0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
  [0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
  [0x30, 0x80],
]
/** Pieces of text that parsers stumble over. */
const WORDS = [
  '__proto__',
  'constructor',
  '../',
  '%2e%2e%2f',
  '\0',
  '\u202e',
  '\ud800',
  'e\u0301',
  '-0',
  '1e999',
  'NaN',
  '18446744073709551616',
  '9007199254740993',
  '--',
  '=',
  ',',
  '"',
  '\\u0000',
  '{"a":',
  '[[[[[[[[',
  ' '.repeat(64),
  '/p2p/',
  '/p2p-circuit',
  '/ip6/::1',
  'bytes=',
  '-',
  '#',
  '?',
  'kizuna://',
  'null',
]

/** Changes an input a little, as somebody would who knows its form: by bits, numbers, lengths, pieces and splices. */
export function mutate(random: SeededRandom, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let bytes = Uint8Array.from(input)
  const changes = 1 + random.integer(CHANGES_MAX)
  for (let change = 0; change < changes; change++) bytes = changeOnce(random, bytes, others)
  return bytes.subarray(0, INPUT_BYTES_MAX)
}

function changeOnce(
  random: SeededRandom,
  bytes: Uint8Array,
  others: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = random.integer(bytes.byteLength + 1)
  const upTo = (limit: number) => random.integer(Math.min(limit, bytes.byteLength - at) + 1)
  switch (random.integer(11)) {
    case 0: {
      const flipped = Uint8Array.from(bytes)
      if (at < flipped.byteLength) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.integer(8))
      return flipped
    }
    case 1: {
      const set = Uint8Array.from(bytes)
      if (at < set.byteLength) set[at] = random.integer(256)
      return set
    }
    case 2:
      return splice(bytes, at, upTo(4), edge(random))
    case 3:
      return splice(bytes, at, upTo(8), Uint8Array.from(HEADS[random.integer(HEADS.length)] ?? []))
    case 4:
      return splice(bytes, at, 0, Buffer.from(WORDS[random.integer(WORDS.length)] ?? ''))
    case 5:
      return splice(bytes, at, upTo(32), new Uint8Array(0))
    case 6:
      return splice(bytes, at, 0, bytes.subarray(at, at + upTo(32)))
    case 7:
      return Uint8Array.from(bytes.subarray(0, at))
    case 8: {
      const other = others[random.integer(others.length)] ?? bytes
      const from = random.integer(other.byteLength + 1)
      return splice(bytes, at, upTo(64), other.subarray(from, from + random.integer(64)))
    }
    case 9: {
      const piece = bytes.subarray(at, at + upTo(16))
      const times = 1 + random.integer(200)
      return splice(bytes, at, 0, Buffer.concat(Array.from({ length: times }, () => piece)))
    }
    default:
      return splice(bytes, at, 0, random.bytes(random.integer(16)))
  }
}

function edge(random: SeededRandom): Uint8Array {
  const value = EDGES[random.integer(EDGES.length)] ?? 0
  const bytes = Buffer.alloc(4)
  if (random.integer(2) === 0) bytes.writeUInt32LE(value)
  else bytes.writeUInt32BE(value)
  return value <= 0xff ? bytes.subarray(0, 1) : bytes
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(
    bytes.byteLength - Math.min(remove, bytes.byteLength - at) + insert.byteLength,
  )
  result.set(bytes.subarray(0, at))
  result.set(insert, at)
  result.set(bytes.subarray(at + remove), at + insert.byteLength)
  return result
}
