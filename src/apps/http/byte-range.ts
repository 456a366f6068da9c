import { RangeNotSatisfiableError } from './errors.ts'

/** Bytes of a content, as `retrieve` takes them. */
export interface ByteRange {
  offset: number
  length: number
}

/**
 * Reads a `Range` header (RFC 9110 §14.2) against a content of `sizeBytes`.
 * @returns undefined when the whole content shall be sent: no header, another unit, a form that is not valid,
 * or several ranges at once, which a server may answer whole.
 * @throws RangeNotSatisfiableError when the range begins behind the end.
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/i.exec(header?.trim() ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    if (length === 0) throw new RangeNotSatisfiableError({ sizeBytes })
    return { offset: sizeBytes - length, length }
  }
  const offset = Number(first)
  if (last !== '' && Number(last) < offset) return undefined
  if (offset >= sizeBytes) throw new RangeNotSatisfiableError({ sizeBytes })
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  return { offset, length: end - offset + 1 }
}

/** `Content-Range` of a part. */
export function contentRange(range: ByteRange, sizeBytes: number): string {
  return `bytes ${range.offset}-${range.offset + range.length - 1}/${sizeBytes}`
}

/** Whether an `If-None-Match` header names this entity tag (weak comparison, RFC 9110 §13.1.2). */
export function matchesEntityTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)
}
