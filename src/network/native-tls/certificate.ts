import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import { DER, encodeDer } from './der.ts'

/** Begins what the host's key signs, so that its signature means nothing elsewhere. */
export const SIGNATURE_PREFIX = Buffer.from('libp2p-tls-handshake:')
/** 1.3.6.1.4.1.53594.1.1, the extension with the host's key, as a DER element. */
export const EXTENSION_ID = Buffer.from('060a2b0601040183a25a0101', 'hex')

/** ecdsa-with-SHA256. */
const SIGNATURE_ALGORITHM = Buffer.from('300a06082a8648ce3d040302', 'hex')
const HOUR_MS = 3_600_000
/** Valid from an hour ago, for clocks that are behind, and as good as for ever: the key lives as long as the process. */
const VALID_BEFORE_MS = HOUR_MS
const VALID_FOR_MS = 100 * 365 * 24 * HOUR_MS
const SERIAL_BYTES = 9

/** A certificate and its private key, both PEM. */
export interface CertificatePair {
  cert: string
  key: string
}

/**
 * A self-signed certificate with a fresh P-256 key, in which the host's key vouches for that key
 * (libp2p's TLS specification, https://github.com/libp2p/specs/blob/master/tls/tls.md).
 */
export async function createCertificate(
  parts: { clock: Clock; random: Random },
  hostKey: Pick<PrivateKey, 'publicKey' | 'sign'>,
): Promise<CertificatePair> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const signature = await hostKey.sign(Buffer.concat([SIGNATURE_PREFIX, spki]))
  const signedKey = encodeDer(
    DER.sequence,
    encodeDer(DER.octetString, publicKeyToProtobuf(hostKey.publicKey)),
    encodeDer(DER.octetString, signature),
  )
  const now = parts.clock.now()
  const toBeSigned = encodeDer(
    DER.sequence,
    encodeDer(DER.version, encodeDer(DER.integer, Buffer.from([2]))),
    encodeDer(DER.integer, serialNumber(parts.random)),
    SIGNATURE_ALGORITHM,
    encodeDer(DER.sequence),
    encodeDer(DER.sequence, time(now - VALID_BEFORE_MS), time(now + VALID_FOR_MS)),
    encodeDer(DER.sequence),
    spki,
    encodeDer(DER.extensions, encodeDer(DER.sequence, extension(signedKey))),
  )
  const whole = encodeDer(
    DER.sequence,
    toBeSigned,
    SIGNATURE_ALGORITHM,
    encodeDer(DER.bitString, Buffer.from([0]), signedBy(privateKey, toBeSigned)),
  )
  return { cert: pem(whole), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}

/** Critical, as the specification asks. */
function extension(value: Uint8Array): Uint8Array {
  return encodeDer(
    DER.sequence,
    EXTENSION_ID,
    encodeDer(DER.boolean, Buffer.from([0xff])),
    encodeDer(DER.octetString, value),
  )
}

function signedBy(key: KeyObject, bytes: Uint8Array): Uint8Array {
  return sign('sha256', bytes, key)
}

/** Positive, and without a zero byte in front: OpenSSL refuses others. */
function serialNumber(random: Random): Uint8Array {
  const serial = Uint8Array.from(random.bytes(SERIAL_BYTES))
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  return serial
}

function time(date: number): Uint8Array {
  const text = new Date(date).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)
  return encodeDer(DER.generalizedTime, Buffer.from(`${text}Z`))
}

/** Without an empty line at the end, which OpenSSL refuses and which a length that divides by 64 would make. */
function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
