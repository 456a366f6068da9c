import { InvalidInputError } from '../../core/errors.ts'

const METADATA_LENGTH_MAX = 4096

/**
 * Reads tus `Upload-Metadata`: pairs of a key and a base64 value, separated by commas.
 * @throws InvalidInputError
 */
export function parseUploadMetadata(header: string): Map<string, string> {
  if (header.length > METADATA_LENGTH_MAX) throw invalid('it is too long')
  const pairs = new Map<string, string>()
  for (const pair of header.split(',')) {
    if (pair.trim() === '') continue
    const match = /^\s*([^\s,]{1,64})(?: ([A-Za-z0-9+/]*={0,2}))?\s*$/.exec(pair)
    if (match === null) throw invalid('a pair is not a key and a base64 value')
    const [, key = '', value = ''] = match
    if (pairs.has(key)) throw invalid('a key comes twice')
    pairs.set(key, Buffer.from(value, 'base64').toString('utf8'))
  }
  return pairs
}

/** A header with a whole number of bytes from 0 to 2^53 − 1. @throws InvalidInputError */
export function parseByteCount(name: string, header: string | string[] | undefined): number {
  const text = String(header ?? '')
  const value = Number(text)
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidInputError({ what: `The ${name} header`, reason: 'it is not a whole number of bytes' })
}

function invalid(reason: string): InvalidInputError {
  return new InvalidInputError({ what: 'The Upload-Metadata header', reason })
}
