import { type ContentId, parseContentId } from '../core/content-id.ts'
import { fromBase64Url, toBase64Url } from '../core/encoding.ts'
import { InvalidInputError } from '../core/errors.ts'

/** How a link to content begins; the key of private content follows after `#` and never reaches a server. */
const LINK_START = 'kizuna:'
const KEY_BYTES = 32

/** What people pass on: `kizuna:bafk…`, or `kizuna:bafk…#<key>` for private content. */
export function encodeShareLink(id: ContentId, key?: Uint8Array): string {
  return `${LINK_START}${id}${key === undefined ? '' : `#${toBase64Url(key)}`}`
}

/** Reads a link or any form of an id. @throws InvalidInputError */
export function decodeShareLink(text: string): { id: ContentId; key: Uint8Array | undefined } {
  const trimmed = text.trim()
  const [idText = '', keyText] = (
    trimmed.startsWith(LINK_START) ? trimmed.slice(LINK_START.length) : trimmed
  ).split('#')
  const id = parseContentId(idText)
  if (keyText === undefined || keyText === '') return { id, key: undefined }
  const key = fromBase64Url(keyText, 'The key in the link')
  if (key.byteLength === KEY_BYTES) return { id, key }
  throw new InvalidInputError({
    what: 'The key in the link',
    reason: `it has ${key.byteLength} bytes, not ${KEY_BYTES}`,
    hint: 'Copy the whole link, with everything after #.',
  })
}
