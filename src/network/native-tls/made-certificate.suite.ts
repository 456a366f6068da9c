import { generateKeyPairSync, sign } from 'node:crypto'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { type CertificatePair, EXTENSION_ID, SIGNATURE_PREFIX } from './certificate.ts'
import { DER, encodeDer } from './der.ts'

/** What can be wrong with a certificate; everything left out is right. */
export interface Flaws {
  /** Undefined for the right one alone, an empty list for none. */
  extensions?: ('ours' | 'foreign')[]
  /** Vouches for the certificate's key in place of the host. */
  signer?: PrivateKey
  /** Instead of the two strings of the extension. */
  extensionValue?: Uint8Array
  /** Signed by another key than its own. */
  foreignSignature?: boolean
  /** Another name than the subject's. */
  issuer?: string
}

/** A certificate made by hand, as DER and as what TLS takes; valid from 2020 to 2100. */
export async function madeCertificate(
  hostKey: PrivateKey,
  flaws: Flaws = {},
): Promise<CertificatePair & { der: Buffer }> {
  const own = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const spki = own.publicKey.export({ type: 'spki', format: 'der' })
  const signature = await (flaws.signer ?? hostKey).sign(Buffer.concat([SIGNATURE_PREFIX, spki]))
  const value =
    flaws.extensionValue ??
    encodeDer(
      DER.sequence,
      encodeDer(DER.octetString, publicKeyToProtobuf(hostKey.publicKey)),
      encodeDer(DER.octetString, signature),
    )
  const extensions = (flaws.extensions ?? ['ours']).map((kind) =>
    kind === 'ours'
      ? encodeDer(DER.sequence, EXTENSION_ID, encodeDer(DER.octetString, value))
      : encodeDer(
          DER.sequence,
          Buffer.from('06032a0304', 'hex'),
          encodeDer(DER.octetString, Buffer.from([5, 0])),
        ),
  )
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex')
  const date = (text: string) => encodeDer(DER.generalizedTime, Buffer.from(text))
  const tbs = encodeDer(
    DER.sequence,
    encodeDer(DER.version, encodeDer(DER.integer, Buffer.from([2]))),
    encodeDer(DER.integer, Buffer.from([77])),
    algorithm,
    nameOf(flaws.issuer),
    encodeDer(DER.sequence, date('20200101000000Z'), date('21000101000000Z')),
    encodeDer(DER.sequence),
    spki,
    ...(extensions.length === 0 ? [] : [encodeDer(DER.extensions, encodeDer(DER.sequence, ...extensions))]),
  )
  const signed = sign('sha256', tbs, flaws.foreignSignature === true ? other.privateKey : own.privateKey)
  const whole = encodeDer(DER.sequence, tbs, algorithm, encodeDer(DER.bitString, Buffer.from([0]), signed))
  const der = Buffer.from(whole)
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    der,
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: String(own.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}

function nameOf(commonName: string | undefined): Uint8Array {
  if (commonName === undefined) return encodeDer(DER.sequence)
  const pair = encodeDer(
    DER.sequence,
    Buffer.from('0603550403', 'hex'),
    encodeDer(0x0c, Buffer.from(commonName)),
  )
  return encodeDer(DER.sequence, encodeDer(0x31, pair))
}
