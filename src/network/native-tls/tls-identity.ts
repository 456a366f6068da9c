import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import { createCertificate } from './certificate.ts'
import { CertificateRefusedError } from './errors.ts'
import { verifyCertificate } from './verify-certificate.ts'

/**
 * Who we are in TLS, and how we know others: one certificate for the life of the process, used for libp2p's
 * connections and for our own.
 */
export class TlsIdentity {
  readonly #parts: { clock: Clock; random: Random }
  readonly #hostKey: PrivateKey
  #context: Promise<SecureContext> | undefined

  constructor(parts: { clock: Clock; random: Random }, hostKey: PrivateKey) {
    this.#parts = parts
    this.#hostKey = hostKey
  }

  /** The certificate and its key, and TLS 1.3 only. */
  context(): Promise<SecureContext> {
    this.#context ??= createCertificate(this.#parts, this.#hostKey).then((pair) =>
      createSecureContext({ ...pair, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }),
    )
    return this.#context
  }

  /**
   * Who is at the other end of a finished handshake.
   * @throws CertificateRefusedError
   */
  async peerOf(socket: TLSSocket, expected: PeerId | undefined): Promise<PeerId> {
    if (socket.getProtocol() !== 'TLSv1.3')
      throw new CertificateRefusedError({ reason: 'it does not speak TLS 1.3' })
    // A resumed session is as good as the one before, but shows no certificate that we could look at now.
    if (socket.isSessionReused()) throw new CertificateRefusedError({ reason: 'it resumed an old session' })
    const certificate = socket.getPeerCertificate() as { raw?: Uint8Array } | null
    return verifyCertificate(certificate?.raw, { now: this.#parts.clock.now(), expected })
  }
}
