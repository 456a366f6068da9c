import { createPublicKey, type KeyObject, verify } from 'node:crypto'

/** SPKI header of Ed25519 keys (RFC 8410). */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex')
/** Older requests were kept by somebody; clocks may differ by so much. */
const AGE_MS_MAX = 5 * 60_000

/** The application's public key, 64 hex digits, ready to check with. */
export function readPublicKey(hex: string): KeyObject {
  return createPublicKey({
    key: Buffer.concat([SPKI_HEADER, Buffer.from(hex, 'hex')]),
    format: 'der',
    type: 'spki',
  })
}

/** Whether Discord signed this request, a moment ago. */
export function isSigned(
  key: KeyObject,
  request: { signature: string; timestamp: string; body: Uint8Array },
  now: number,
): boolean {
  const { signature, timestamp, body } = request
  if (!/^[0-9a-f]{128}$/i.test(signature) || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(now - Number(timestamp) * 1000) > AGE_MS_MAX) return false
  return verify(null, Buffer.concat([Buffer.from(timestamp), body]), key, Buffer.from(signature, 'hex'))
}
