/** One element of DER: its tag, what is in it, and itself from its first byte. Views, not copies. */
export interface DerElement {
  tag: number
  body: Uint8Array
  whole: Uint8Array
}

/** Thrown when bytes are not the DER that was expected. */
export class DerError extends Error {
  override name = 'DerError'
}

/** The tags that a certificate of libp2p is made of. */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  generalizedTime: 0x18,
  sequence: 0x30,
  version: 0xa0,
  extensions: 0xa3,
} as const

/** Children of one element; a certificate has a dozen, one that was made to be slow has thousands. */
const CHILDREN_MAX = 64
/** Bytes of a length: no element is longer than 64 KiB. */
const LENGTH_BYTES_MAX = 2

/** An element of these parts. */
export function encodeDer(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts)
  const size = body.byteLength
  if (size > 0xffff) throw new DerError('longer than 64 KiB')
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

/**
 * The element that `bytes` are, exactly.
 * @throws DerError
 */
export function decodeDer(bytes: Uint8Array, tag: number): DerElement {
  const element = elementAt(bytes, 0)
  if (element.tag !== tag) throw new DerError(`tag ${element.tag} where ${tag} was expected`)
  if (element.whole.byteLength !== bytes.byteLength) throw new DerError('bytes after the end')
  return element
}

/**
 * What stands in an element, in order.
 * @throws DerError
 */
export function childrenOf(element: DerElement): DerElement[] {
  const children: DerElement[] = []
  for (let at = 0; at < element.body.byteLength; ) {
    if (children.length === CHILDREN_MAX) throw new DerError('too many elements')
    const child = elementAt(element.body, at)
    children.push(child)
    at += child.whole.byteLength
  }
  return children
}

/** Only the definite, shortest form of a length is DER. */
function elementAt(bytes: Uint8Array, at: number): DerElement {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw new DerError('cut off')
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes')
  let length = first
  let head = 2
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > LENGTH_BYTES_MAX) throw new DerError('a length that is not allowed')
    length = 0
    for (let index = 0; index < count; index++) {
      const digit = bytes[at + 2 + index]
      if (digit === undefined) throw new DerError('cut off')
      length = length * 0x100 + digit
    }
    if (length < 0x80 || (count === 2 && length < 0x100))
      throw new DerError('a length that is not the shortest')
    head += count
  }
  const end = at + head + length
  if (end > bytes.byteLength) throw new DerError('cut off')
  return { tag, body: bytes.subarray(at + head, end), whole: bytes.subarray(at, end) }
}
