/** Messages that lie about their lengths, for r-06: heads and bodies in every format that comes over the wire. */

const SIZES: readonly bigint[] = [
  0n,
  65_536n,
  65_537n,
  2n ** 20n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 64n - 1n,
]
/** No message that is read whole is longer. */
const FRAME_BYTES = 65_536

export interface Lie {
  name: string
  bytes: Uint8Array
}

/** Heads of our own frames: four bytes of length and a mark; what follows is less than was promised. */
export function frameLies(): Lie[] {
  const lies: Lie[] = []
  for (const size of [65_537, 2 ** 20, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
    for (const mark of [0, 1, 2, 3, 4, 255]) {
      const head = Buffer.alloc(5)
      head.writeUInt32BE(size)
      head[4] = mark
      lies.push({
        name: `a frame of ${size} bytes, mark ${mark}`,
        bytes: Buffer.concat([head, Buffer.alloc(32)]),
      })
    }
  }
  lies.push({ name: 'a mark that is none', bytes: Buffer.from([0, 0, 0, 1, 9, 0]) })
  lies.push({ name: 'an end with content', bytes: Buffer.from([0, 0, 0, 1, 3, 0]) })
  lies.push({ name: 'an error as a request', bytes: Buffer.from([0, 0, 0, 2, 2, 123, 125]) })
  return lies
}

/** Bodies for every parser: each in the formats of protobuf, CBOR, JSON and of numbers as varints. */
export function bodyLies(): Lie[] {
  return [...protobufLies(), ...cborLies(), ...textLies()]
}

function protobufLies(): Lie[] {
  const lies: Lie[] = []
  for (const field of [1, 2, 3, 4, 5, 6, 9, 16, 24]) {
    for (const size of SIZES) {
      const bytes = Buffer.concat([varint(BigInt((field << 3) | 2)), varint(size), Buffer.alloc(16)])
      lies.push({ name: `protobuf field ${field} of ${size} bytes`, bytes })
      lies.push({
        name: `the same with a long varint`,
        bytes: Buffer.concat([varint(BigInt((field << 3) | 2)), longVarint(size)]),
      })
    }
    const empty = Buffer.concat([varint(BigInt((field << 3) | 2)), Buffer.of(0)])
    lies.push({ name: `a million empty fields ${field}`, bytes: filled(empty) })
    // The same inside a message, where lists of ids are.
    const inner = filled(Buffer.of(0x0a, 0x00)).subarray(0, FRAME_BYTES - 8)
    const outer = Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(inner.length)), inner])
    lies.push({ name: `field ${field} full of empty fields`, bytes: outer })
    lies.push({ name: `field ${field} nested deeply`, bytes: nested(field) })
    lies.push({
      name: `field ${field} as a varint without end`,
      bytes: Buffer.concat([varint(BigInt(field << 3)), Buffer.alloc(64, 0xff)]),
    })
  }
  return lies
}

function cborLies(): Lie[] {
  const lies: Lie[] = []
  for (const major of [2, 3, 4, 5, 6]) {
    for (const size of SIZES) {
      const head = Buffer.alloc(9)
      head[0] = (major << 5) | 27
      head.writeBigUInt64BE(size, 1)
      lies.push({
        name: `CBOR major type ${major}, ${size} long`,
        bytes: Buffer.concat([head, Buffer.alloc(16)]),
      })
    }
    lies.push({
      name: `CBOR major type ${major} without a length`,
      bytes: Buffer.concat([Buffer.of((major << 5) | 31), Buffer.alloc(16)]),
    })
  }
  lies.push({ name: 'CBOR lists in lists', bytes: Buffer.alloc(FRAME_BYTES, 0x81) })
  lies.push({ name: 'CBOR maps in maps', bytes: filled(Buffer.of(0xa1, 0x00)) })
  lies.push({ name: 'CBOR tags on tags', bytes: Buffer.alloc(FRAME_BYTES, 0xc6) })
  const list = (item: number) =>
    Buffer.concat([Buffer.of(0x9a, 0x00, 0x00, 0xff, 0x00), Buffer.alloc(0xff00, item)])
  lies.push({ name: 'a CBOR list of empty strings', bytes: list(0x40) })
  lies.push({ name: 'a CBOR list of empty lists', bytes: list(0x80) })
  lies.push({ name: 'a CBOR list of empty maps', bytes: list(0xa0) })
  return lies
}

function textLies(): Lie[] {
  const lies = [
    { name: 'JSON lists in lists', bytes: Buffer.alloc(FRAME_BYTES, '[') },
    { name: 'JSON objects in objects', bytes: filled(Buffer.from('{"a":')) },
    { name: 'a JSON list of nothing', bytes: Buffer.from(`[${'0,'.repeat(32_000)}0]`) },
    { name: 'a JSON number of 60,000 digits', bytes: Buffer.alloc(60_000, '9') },
    { name: 'an address of 60,000 characters', bytes: filled(Buffer.from('/ip4/1.2.3.4')) },
    { name: 'nothing', bytes: new Uint8Array(0) },
    { name: 'ones', bytes: Buffer.alloc(FRAME_BYTES, 0xff) },
    { name: 'zeros', bytes: Buffer.alloc(FRAME_BYTES) },
  ]
  for (const size of SIZES)
    for (const kind of [0, 1, 2, 3, 0x61])
      lies.push({
        name: `kind ${kind}, then the number ${size}`,
        bytes: Buffer.concat([Buffer.of(kind), varint(size), varint(size), Buffer.alloc(32)]),
      })
  return lies
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

/** The same number in ten bytes and more. */
function longVarint(value: bigint): Buffer {
  const short = varint(value)
  const last = short.at(-1) ?? 0
  return Buffer.from([...short.subarray(0, -1), last | 128, 0x80, 0x80, 0x80, 0x00])
}

function nested(field: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0)
  const head = varint(BigInt((field << 3) | 2))
  while (bytes.length < FRAME_BYTES / 8) bytes = Buffer.concat([head, varint(BigInt(bytes.length)), bytes])
  return bytes
}

function filled(piece: Buffer): Buffer {
  return Buffer.concat(Array(Math.floor(FRAME_BYTES / piece.length)).fill(piece))
}
