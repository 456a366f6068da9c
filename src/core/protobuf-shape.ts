/** How many fields a protobuf message may have, itself and those inside. */
export interface ProtobufShape {
  /** Fields in all, each repetition counted. */
  fieldsMax: number
  /** Messages inside, by field number; other fields are not looked into. */
  messages?: Readonly<Record<number, ProtobufShape>>
}

const VARINT_BYTES_MAX = 10

/**
 * Whether bytes are a protobuf message of at most this many fields, every length inside its message. To be asked before
 * decoding: 64 KiB can hold 32,768 empty fields, for each of which a decoder makes objects.
 */
export function fitsProtobufShape(bytes: Uint8Array, shape: ProtobufShape): boolean {
  return fits(bytes, 0, bytes.byteLength, shape)
}

function fits(bytes: Uint8Array, start: number, end: number, shape: ProtobufShape): boolean {
  let at = start
  for (let fields = 0; at < end; fields++) {
    if (fields >= shape.fieldsMax) return false
    const tag = readVarint(bytes, at, end)
    if (tag === undefined) return false
    at = tag.end
    const wireType = tag.value % 8
    if (wireType === 0) {
      const value = readVarint(bytes, at, end)
      if (value === undefined) return false
      at = value.end
    } else if (wireType === 1) at += 8
    else if (wireType === 5) at += 4
    else if (wireType === 2) {
      const length = readVarint(bytes, at, end)
      if (length === undefined || length.value > end - length.end) return false
      at = length.end + length.value
      const inner = shape.messages?.[Math.floor(tag.value / 8)]
      if (inner !== undefined && !fits(bytes, length.end, at, inner)) return false
    } else return false
  }
  return at === end
}

/** A varint of at most ten bytes; above 2^53 its value is only about right, which is too long for anything here. */
function readVarint(
  bytes: Uint8Array,
  start: number,
  end: number,
): { value: number; end: number } | undefined {
  let value = 0
  let factor = 1
  for (let at = start; at < end && at - start < VARINT_BYTES_MAX; at++) {
    const byte = bytes[at] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) return { value, end: at + 1 }
    factor *= 128
  }
  return undefined
}
