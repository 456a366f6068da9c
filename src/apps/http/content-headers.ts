/** Media types by file ending that a browser may show in place: none of them can run a script. */
const SHOWN_IN_PLACE: Readonly<Record<string, string>> = {
  aac: 'audio/aac',
  apng: 'image/apng',
  avif: 'image/avif',
  flac: 'audio/flac',
  gif: 'image/gif',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  m4a: 'audio/mp4',
  m4v: 'video/mp4',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  oga: 'audio/ogg',
  ogg: 'audio/ogg',
  ogv: 'video/ogg',
  opus: 'audio/ogg',
  png: 'image/png',
  txt: 'text/plain; charset=utf-8',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
}
/** Types that are right to name and wrong to open: they are always saved. */
const SAVED: Readonly<Record<string, string>> = {
  css: 'text/css',
  csv: 'text/csv',
  epub: 'application/epub+zip',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  md: 'text/markdown',
  pdf: 'application/pdf',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  xhtml: 'application/xhtml+xml',
  xml: 'application/xml',
  zip: 'application/zip',
}
/** In UTF-8: file systems take 255, and a temporary name needs room for more. */
const NAME_BYTES_MAX = 200
const RESERVED_NAME = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\.|$)/i

/**
 * Headers that tell a browser how to treat bytes that a stranger made: never run them, never guess their type,
 * never let another page read them.
 */
export function contentHeaders(facts: { name: string; download: boolean }): Record<string, string> {
  const name = safeFileName(facts.name)
  const ending = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  const shown = SHOWN_IN_PLACE[ending]
  return {
    'content-type': shown ?? SAVED[ending] ?? 'application/octet-stream',
    'content-disposition': contentDisposition(
      shown === undefined || facts.download ? 'attachment' : 'inline',
      name,
    ),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
  }
}

/**
 * A name that is safe on every system: one path part, no control or direction-changing characters, no name
 * that Windows keeps for devices.
 */
export function safeFileName(name: string): string {
  const part = name.normalize('NFC').split(/[/\\]/).at(-1) ?? ''
  const clean = part
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, '')
    .replace(/[<>:"|?*]/g, '_')
    .trim()
    .replace(/^\.+|[. ]+$/g, '')
  const short = shorten(clean)
  if (short === '') return 'download'
  return RESERVED_NAME.test(short) ? `_${short}` : short
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name
  const ending = /\.[a-z0-9]{1,8}$/i.exec(name)?.[0] ?? ''
  let short = ''
  let bytes = ending.length
  // By code points, so that no character is cut in two.
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > NAME_BYTES_MAX) break
    short += character
  }
  return short.trimEnd() + ending
}

/** RFC 6266, with the plain form for old programs and the encoded one for all names. */
function contentDisposition(kind: 'inline' | 'attachment', name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/g, '_').replace(/["\\%]/g, '_')
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  )
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`
}
