import { ERROR_KINDS, KizunaError, type SerialisedError, toKizunaError } from '../core/kizuna-error.ts'

/** An error as a frame; a longer one loses its details. */
export const ERROR_BYTES_MAX = 8 * 1024
const TEXT_LENGTH_MAX = 1024
const CODE_FORM = /^[A-Z][A-Z0-9_]{0,63}$/

/** An error as it travels to a peer: JSON of its facts, never its cause or stack. */
export function encodeErrorFrame(error: unknown): Uint8Array {
  const plain = toKizunaError(error).toJSON()
  const short: SerialisedError = {
    code: plain.code,
    kind: plain.kind,
    message: plain.message.slice(0, TEXT_LENGTH_MAX),
    hint: plain.hint.slice(0, TEXT_LENGTH_MAX),
  }
  const whole = Buffer.from(JSON.stringify({ ...short, details: plain.details }))
  return whole.byteLength <= ERROR_BYTES_MAX ? whole : Buffer.from(JSON.stringify(short))
}

/** The error that a peer sent, or undefined when the bytes are none. */
export function decodeErrorFrame(bytes: Uint8Array): KizunaError | undefined {
  if (bytes.byteLength > ERROR_BYTES_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { code, kind: kindText, message, hint, details } = value as Record<string, unknown>
  const kind = ERROR_KINDS.find((known) => known === kindText)
  if (typeof code !== 'string' || !CODE_FORM.test(code) || kind === undefined) return undefined
  if (!isShortText(message) || !isShortText(hint)) return undefined
  if (details === undefined) return new KizunaError({ code, kind, message, hint })
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return undefined
  return new KizunaError({ code, kind, message, hint, details: details as Record<string, unknown> })
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX
}
