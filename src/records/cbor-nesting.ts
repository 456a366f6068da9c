/** Reads only the heads of CBOR items, so that hostile bytes cost nothing before they are refused. */

interface NestingLimits {
  /** Arrays and maps within each other. */
  depthMax: number
  /** Items in all; a map entry counts two. */
  itemsMax: number
}

const MAJOR = { bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
/** Simple values of our data model: false, true, null. */
const SIMPLE_VALUES = new Set([20, 21, 22])
const ARGUMENT_BYTES = [1, 2, 4, 8] as const

/**
 * Whether `bytes` are one CBOR item of our data model within the limits: no tags, floats, `undefined` or indefinite
 * lengths. Does not recurse and does not allocate by lengths it reads.
 * @returns why not, or undefined when it is fine. Canonical form is the decoder's business.
 */
export function refuseNesting(bytes: Uint8Array, limits: NestingLimits): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const open: number[] = []
  let at = 0
  for (let items = 1; ; items++) {
    if (items > limits.itemsMax) return `it has more than ${limits.itemsMax} items`
    if (at >= bytes.byteLength) return 'it is cut short'
    const head = view.getUint8(at++)
    const major = head >> 5
    const short = head & 31
    if (major === MAJOR.tag) return 'it has a tag'
    if (major === MAJOR.simple && !SIMPLE_VALUES.has(short)) return 'it has a value outside the data model'
    if (short > 27) return 'it has an indefinite length'
    const argumentBytes = short < 24 ? 0 : (ARGUMENT_BYTES[short - 24] ?? 0)
    if (at + argumentBytes > bytes.byteLength) return 'it is cut short'
    const argument = readArgument(view, at, short)
    at += argumentBytes
    const left = bytes.byteLength - at
    if (major === MAJOR.bytes || major === MAJOR.text) {
      if (argument > left) return 'it is cut short'
      at += argument
    } else if (major === MAJOR.array || major === MAJOR.map) {
      const children = major === MAJOR.map ? argument * 2 : argument
      if (children > left) return 'it is cut short'
      open.push(children + 1)
      if (open.length > limits.depthMax) return `it is nested deeper than ${limits.depthMax}`
    }
    // One item is whole; those around it that are whole with it close too.
    while (open.length > 0) {
      const remaining = (open.pop() as number) - 1
      if (remaining > 0) {
        open.push(remaining)
        break
      }
    }
    if (open.length === 0) return at === bytes.byteLength ? undefined : 'it has bytes after its end'
  }
}

function readArgument(view: DataView, at: number, short: number): number {
  if (short < 24) return short
  if (short === 24) return view.getUint8(at)
  if (short === 25) return view.getUint16(at)
  if (short === 26) return view.getUint32(at)
  return Number(view.getBigUint64(at))
}
