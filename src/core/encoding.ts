import { type DecodeOptions, decode, type EncodeOptions, encode } from 'cborg'
import { InvalidInputError } from './errors.ts'

/** What our canonical CBOR can hold: the data model of RFC 8949 without floats, tags or `undefined`. */
export type CborValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue }

/** Strict: one encoding per value, so that a signature or an id covers exactly one byte string (RFC 8949 §4.2.1). */
const STRICT: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  rejectDuplicateMapKeys: true,
}

/** Refuses what the data model has not; anything else is left to the library (`null`). */
const MODEL: EncodeOptions = {
  typeEncoders: {
    number: (value: number) => {
      if (Number.isSafeInteger(value)) return null
      throw new InvalidInputError({ what: 'A value', reason: `${value} is not a safe whole number` })
    },
    undefined: () => {
      throw new InvalidInputError({ what: 'A value', reason: 'it has an undefined field' })
    },
  },
}

/**
 * Deterministic CBOR (sorted keys, shortest integers).
 * @throws InvalidInputError when there is a fraction, an unsafe number or `undefined` in it.
 */
export function encodeCanonical(value: CborValue): Uint8Array {
  return encode(value, MODEL)
}

/**
 * Reads deterministic CBOR; refuses any other encoding of the same value.
 * @throws InvalidInputError when the bytes are not canonical, not CBOR, outside the data model, or nested too deep.
 */
export function decodeCanonical(bytes: Uint8Array, what = 'The message'): CborValue {
  let value: CborValue
  let canonical: Uint8Array
  try {
    value = decode(bytes, STRICT)
    // Inside the try as well: a value that could just be read may be nested too deep to be written.
    canonical = encode(value, MODEL)
  } catch {
    throw new InvalidInputError({ what, reason: 'its bytes are not deterministic CBOR' })
  }
  if (Buffer.compare(canonical, bytes) !== 0) {
    throw new InvalidInputError({ what, reason: 'its bytes are not the canonical form' })
  }
  return value
}

/** Base64 without padding, safe in links (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

/** @throws InvalidInputError when the text has a character that base64url has not. */
export function fromBase64Url(text: string, what = 'The text'): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new InvalidInputError({ what, reason: 'it is not base64url' })
  return Uint8Array.from(Buffer.from(text, 'base64url'))
}
