import { KizunaError } from '../../core/kizuna-error.ts'

/** Thrown when the other end of a TLS connection does not prove who it is, or is not whom we dialled. */
export class CertificateRefusedError extends KizunaError {
  override name = 'CertificateRefusedError'
  constructor(facts: { reason: string; cause?: unknown }) {
    super({
      code: 'CERTIFICATE_REFUSED',
      kind: 'denied',
      message: `The other machine does not prove who it is: ${facts.reason}.`,
      hint: 'Look at its address and at both clocks; if it repeats, another machine answers in its place.',
      details: { reason: facts.reason },
      cause: facts.cause,
    })
  }
}
