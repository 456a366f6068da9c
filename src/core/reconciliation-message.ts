import { InvalidInputError } from './errors.ts'
import { compareKeys, FINGERPRINT_BYTES } from './sorted-keys.ts'

/** One message is one frame with room for an envelope (`docs/protocol/set-reconciliation.md`). */
export const RECONCILIATION_BYTES_MAX = 48 * 1024
/** Below this an answer might not fit and an exchange not come to an end. */
export const RECONCILIATION_BYTES_MIN = 8 * 1024

const VERSION = 1
/** Version, key length, two counts of two bytes. */
export const HEADER_BYTES = 6
const COUNT_BYTES = 2
const COUNT_MAX = 0xffff

/** What a range says; see the protocol page. */
const MODE = { settled: 0, fingerprint: 1, keys: 2, again: 3 } as const

/** A part of the key space from `lower` up to, not including, `upper`. Empty `lower`: from the start; undefined `upper`: to the end. */
export interface Range {
  lower: Uint8Array
  upper: Uint8Array | undefined
}

/** A range that is not settled, with what its sender says of it. */
export type OpenRange = Range &
  (
    | { mode: 'fingerprint'; fingerprint: Uint8Array }
    | { mode: 'keys'; keys: Uint8Array[] }
    | { mode: 'again' }
  )

/** One message of a reconciliation. */
export interface ReconciliationMessage {
  /** Keys the sender lacks and the receiver has, ascending. */
  wanted: Uint8Array[]
  /** Keys the sender has and the receiver lacks, ascending. */
  offered: Uint8Array[]
  /** Ascending, without overlap; what lies between them is settled. */
  open: OpenRange[]
}

/** The bytes of a message. */
export function encodeReconciliation(keyBytes: number, message: ReconciliationMessage): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(VERSION, keyBytes)]
  for (const list of [message.wanted, message.offered]) parts.push(encodeCount(list.length), ...list)
  let end: Uint8Array | undefined = new Uint8Array(0)
  for (const range of message.open) {
    if (end === undefined || compareKeys(end, range.lower) !== 0) {
      parts.push(encodeBound(range.lower), Uint8Array.of(MODE.settled))
    }
    parts.push(encodeBound(range.upper), Uint8Array.of(MODE[range.mode]))
    if (range.mode === 'fingerprint') parts.push(range.fingerprint)
    if (range.mode === 'keys') parts.push(encodeCount(range.keys.length), ...range.keys)
    end = range.upper
  }
  return Uint8Array.from(Buffer.concat(parts))
}

/** The most bytes that opening one more range can add, without its fingerprint or keys: a settled range before it, and itself. */
export function rangeBytesMax(keyBytes: number): number {
  return 2 * (1 + keyBytes + 1) + COUNT_BYTES
}

/**
 * Reads a message; nothing is allocated before its length is checked.
 * @throws InvalidInputError when it breaks a rule of the format.
 */
export function decodeReconciliation(keyBytes: number, bytes: Uint8Array): ReconciliationMessage {
  if (bytes.byteLength > RECONCILIATION_BYTES_MAX) throw refused('it is longer than 48 KiB')
  const reader = new Reader(bytes, keyBytes)
  if (reader.byte() !== VERSION) throw refused('its version is unknown')
  if (reader.byte() !== keyBytes) throw refused('its keys have another length')
  const wanted = reader.keys({ lower: new Uint8Array(0), upper: undefined })
  const offered = reader.keys({ lower: new Uint8Array(0), upper: undefined })
  const open: OpenRange[] = []
  let lower: Uint8Array | undefined = new Uint8Array(0)
  while (!reader.atEnd) {
    if (lower === undefined) throw refused('it goes on after its last range')
    const upper = reader.bound()
    if (upper !== undefined && compareKeys(lower, upper) >= 0) throw refused('its ranges do not ascend')
    const mode = reader.byte()
    if (mode === MODE.fingerprint) {
      open.push({ lower, upper, mode: 'fingerprint', fingerprint: reader.take(FINGERPRINT_BYTES) })
    } else if (mode === MODE.keys) {
      open.push({ lower, upper, mode: 'keys', keys: reader.keys({ lower, upper }) })
    } else if (mode === MODE.again) {
      open.push({ lower, upper, mode: 'again' })
    } else if (mode !== MODE.settled) {
      throw refused('it has a range of an unknown mode')
    }
    lower = upper
  }
  return { wanted, offered, open }
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #keyBytes: number
  #at = 0

  constructor(bytes: Uint8Array, keyBytes: number) {
    this.#bytes = bytes
    this.#keyBytes = keyBytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.byteLength
  }

  byte(): number {
    return this.take(1)[0] as number
  }

  /** A copy, so that a kept key does not keep the whole message. */
  take(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.byteLength) throw refused('it is cut short')
    this.#at += count
    return Uint8Array.from(this.#bytes.subarray(this.#at - count, this.#at))
  }

  bound(): Uint8Array | undefined {
    const length = this.byte()
    if (length === 0) return undefined
    if (length > this.#keyBytes) throw refused('a bound is longer than a key')
    const bound = this.take(length)
    if (bound[length - 1] === 0) throw refused('a bound ends in zero and is not the shortest')
    return bound
  }

  /** Keys inside the range, ascending, each once. */
  keys(range: Range): Uint8Array[] {
    const [high, low] = this.take(COUNT_BYTES) as unknown as [number, number]
    const count = high * 256 + low
    if (this.#at + count * this.#keyBytes > this.#bytes.byteLength) throw refused('it is cut short')
    const keys: Uint8Array[] = []
    let previous: Uint8Array | undefined
    for (let index = 0; index < count; index++) {
      const key = this.take(this.#keyBytes)
      if (previous !== undefined && compareKeys(previous, key) >= 0) throw refused('its keys do not ascend')
      keys.push(key)
      previous = key
    }
    const first = keys[0]
    if (first !== undefined && compareKeys(range.lower, first) > 0)
      throw refused('a key lies outside its range')
    if (previous !== undefined && range.upper !== undefined && compareKeys(previous, range.upper) >= 0) {
      throw refused('a key lies outside its range')
    }
    return keys
  }
}

function encodeBound(bound: Uint8Array | undefined): Uint8Array {
  return bound === undefined ? Uint8Array.of(0) : Uint8Array.of(bound.length, ...bound)
}

function encodeCount(count: number): Uint8Array {
  if (count > COUNT_MAX) throw new RangeError(`a list of ${count} keys does not fit a message`)
  return Uint8Array.of(count >> 8, count & 0xff)
}

function refused(reason: string): InvalidInputError {
  return new InvalidInputError({
    what: 'The reconciliation message',
    reason,
    hint: 'The other peer is faulty or speaks another version; try another one.',
  })
}
