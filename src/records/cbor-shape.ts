import { type CborValue, decodeCanonical } from '../core/encoding.ts'
import { refuseNesting } from './cbor-nesting.ts'

/** A decoded CBOR map whose fields are still to be checked. */
export type CborMap = { readonly [field: string]: CborValue }

/** No message or record of ours is deeper. */
export const DEPTH_MAX = 16
const ITEMS_MAX = 8_192

/**
 * Reads fields of hostile maps; the first thing that is wrong is thrown as the error that `refuse` makes.
 * Made once for each error class, so that every reader of a record, an invite or a message says it in its own words.
 */
export class ShapeReader {
  readonly #refuse: (reason: string) => Error

  /** @param refuse makes the error from a reason such as “its name is missing”. */
  constructor(refuse: (reason: string) => Error) {
    this.#refuse = refuse
  }

  fail(reason: string): never {
    throw this.#refuse(reason)
  }

  /** Bytes → map; length, nesting and canonical form are checked in this order. */
  decodeMap(bytes: Uint8Array, bytesMax: number): CborMap {
    if (bytes.byteLength > bytesMax)
      this.fail(`it has ${bytes.byteLength} bytes, more than the limit of ${bytesMax}`)
    const wrong = refuseNesting(bytes, { depthMax: DEPTH_MAX, itemsMax: ITEMS_MAX })
    if (wrong !== undefined) this.fail(wrong)
    let value: CborValue
    try {
      value = decodeCanonical(bytes)
    } catch {
      this.fail('its bytes are not canonical CBOR')
    }
    return this.map(value, 'it')
  }

  map(value: CborValue | undefined, what: string): CborMap {
    if (value === undefined || value === null || typeof value !== 'object') this.fail(`${what} is not a map`)
    if (Array.isArray(value) || value instanceof Uint8Array) this.fail(`${what} is not a map`)
    return value as CborMap
  }

  /** Refuses fields that the format has not. */
  onlyFields(map: CborMap, fields: readonly string[]): void {
    for (const field of Object.keys(map)) {
      if (!fields.includes(field)) this.fail(`it has an unknown field “${field.slice(0, 32)}”`)
    }
  }

  /** @param bytesMax UTF-8 bytes. */
  text(map: CborMap, field: string, bytesMax: number): string {
    const value = own(map, field)
    if (typeof value !== 'string') this.fail(`its ${field} is not text`)
    if (Buffer.byteLength(value) > bytesMax) this.fail(`its ${field} is longer than ${bytesMax} bytes`)
    return value
  }

  bytes(map: CborMap, field: string, length: { exactly: number } | { max: number }): Uint8Array {
    const value = own(map, field)
    if (!(value instanceof Uint8Array)) this.fail(`its ${field} is not bytes`)
    if ('exactly' in length && value.byteLength !== length.exactly) {
      this.fail(`its ${field} has ${value.byteLength} bytes, not ${length.exactly}`)
    }
    if ('max' in length && value.byteLength > length.max)
      this.fail(`its ${field} is longer than ${length.max} bytes`)
    return value
  }

  /** A whole number from 0 to `max` (default: the largest exact one). */
  integer(map: CborMap, field: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = own(map, field)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      this.fail(`its ${field} is not a whole number`)
    if (value > max) this.fail(`its ${field} is over ${max}`)
    return value
  }

  boolean(map: CborMap, field: string): boolean {
    const value = own(map, field)
    if (typeof value !== 'boolean') this.fail(`its ${field} is not yes or no`)
    return value
  }

  oneOf<Word extends string>(map: CborMap, field: string, words: readonly Word[]): Word {
    const value = own(map, field)
    if (typeof value !== 'string' || !words.includes(value as Word)) {
      this.fail(`its ${field} is not one of ${words.join(', ')}`)
    }
    return value as Word
  }

  list(map: CborMap, field: string, countMax: number): readonly CborValue[] {
    const value = own(map, field)
    if (!Array.isArray(value)) this.fail(`its ${field} is not a list`)
    if (value.length > countMax) this.fail(`its ${field} has more than ${countMax} entries`)
    return value
  }

  has(map: CborMap, field: string): boolean {
    return own(map, field) !== undefined
  }
}

function own(map: CborMap, field: string): CborValue | undefined {
  return Object.hasOwn(map, field) ? map[field] : undefined
}
