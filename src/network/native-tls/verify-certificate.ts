import { X509Certificate } from 'node:crypto'
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import type { PeerId, PublicKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { EXTENSION_ID, SIGNATURE_PREFIX } from './certificate.ts'
import { childrenOf, DER, type DerElement, decodeDer } from './der.ts'
import { CertificateRefusedError } from './errors.ts'

/** Ours have 400 bytes, those with RSA keys of 8,192 bits 3 KB. */
const CERTIFICATE_BYTES_MAX = 16 * 1024

/**
 * The peer that a certificate proves; TLS itself has proven that the other end holds the certificate's key.
 * Everything is checked here, because nothing is left to Node: dates, issuer, self-signature, the extension
 * wherever it stands, the host key's signature over the certificate's key, and who was expected.
 * @param raw as `getPeerCertificate().raw` gives it: undefined when there was none.
 * @throws CertificateRefusedError
 */
export async function verifyCertificate(
  raw: Uint8Array | undefined,
  options: { now: number; expected?: PeerId | undefined },
): Promise<PeerId> {
  if (raw === undefined) throw new CertificateRefusedError({ reason: 'it sent no certificate' })
  if (raw.byteLength > CERTIFICATE_BYTES_MAX) {
    throw new CertificateRefusedError({ reason: 'its certificate is too long' })
  }
  const { hostKey, signature, spki } = readCertificate(raw, options.now)
  if (!(await isSigned(hostKey, spki, signature))) {
    throw new CertificateRefusedError({ reason: 'its host key did not sign the key of its certificate' })
  }
  const peer = peerIdFromPublicKey(hostKey)
  if (options.expected !== undefined && !options.expected.equals(peer)) {
    throw new CertificateRefusedError({ reason: `it is ${peer}, and ${options.expected} was expected` })
  }
  return peer
}

/**
 * What a certificate says, except whether its host key has said so too.
 * @throws CertificateRefusedError
 */
export function readCertificate(
  raw: Uint8Array,
  now: number,
): { hostKey: PublicKey; signature: Uint8Array; spki: Uint8Array } {
  try {
    const certificate = new X509Certificate(raw)
    if (certificate.validFromDate.getTime() > now || certificate.validToDate.getTime() < now) {
      throw new CertificateRefusedError({ reason: 'its certificate is not valid now' })
    }
    if (certificate.issuer !== certificate.subject || !certificate.verify(certificate.publicKey)) {
      throw new CertificateRefusedError({ reason: 'its certificate is not signed by itself' })
    }
    return readFields(raw)
  } catch (cause) {
    if (cause instanceof CertificateRefusedError) throw cause
    throw new CertificateRefusedError({ reason: 'its certificate is malformed', cause })
  }
}

/**
 * The same of a certificate whose dates and own signature were looked at.
 * @throws CertificateRefusedError, DerError, and whatever libp2p says of a key that is none.
 */
export function readFields(raw: Uint8Array): {
  hostKey: PublicKey
  signature: Uint8Array
  spki: Uint8Array
} {
  const { spki, signedKey } = fieldsOf(raw)
  const [key, signature] = childrenOf(decodeDer(signedKey, DER.sequence))
  if (key?.tag !== DER.octetString || signature?.tag !== DER.octetString) {
    throw new CertificateRefusedError({ reason: 'the libp2p extension of its certificate is malformed' })
  }
  return { hostKey: publicKeyFromProtobuf(key.body), signature: signature.body, spki }
}

/** The certificate's own key, and what stands in the libp2p extension. */
function fieldsOf(raw: Uint8Array): { spki: Uint8Array; signedKey: Uint8Array } {
  const [toBeSigned] = childrenOf(decodeDer(raw, DER.sequence))
  const fields = toBeSigned === undefined ? [] : childrenOf(toBeSigned)
  const listed = fields.find(({ tag }) => tag === DER.extensions)
  // Version, serial number, algorithm, issuer, validity, subject, key: the last sequence is the key.
  const spki = fields.findLast(({ tag }) => tag === DER.sequence)
  const extensions = listed === undefined ? [] : childrenOf(decodeDer(listed.body, DER.sequence))
  const ours = extensions.map(childrenOf).filter(([id]) => isOurs(id))
  const [extension] = ours
  const value = extension?.at(-1)
  if (spki === undefined || ours.length !== 1 || value?.tag !== DER.octetString) {
    throw new CertificateRefusedError({ reason: 'its certificate has not exactly one libp2p extension' })
  }
  return { spki: spki.whole, signedKey: value.body }
}

function isOurs(id: DerElement | undefined): boolean {
  return id !== undefined && Buffer.compare(id.whole, EXTENSION_ID) === 0
}

async function isSigned(key: PublicKey, spki: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await key.verify(Buffer.concat([SIGNATURE_PREFIX, spki]), signature)
  } catch {
    return false
  }
}
