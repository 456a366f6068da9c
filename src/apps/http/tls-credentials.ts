import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Logger } from '../../core/log.ts'
import { ApiTlsUnusableError } from './errors.ts'

/** More is no certificate chain. */
const FILE_BYTES_MAX = 256 * 1024

/** What the API speaks TLS with. */
export interface TlsCredentials {
  cert: Buffer
  key: Buffer
  /** Whether a name or address is one of the certificate's. */
  isCertified(name: string): boolean
}

/**
 * Reads a certificate chain and its key (PEM), and checks that they belong together.
 * @throws ApiTlsUnusableError
 */
export async function readTlsCredentials(
  files: { certFile: string; keyFile: string },
  log: Logger,
): Promise<TlsCredentials> {
  const cert = await readSmallFile(files.certFile)
  const key = await readSmallFile(files.keyFile)
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(cert)
  } catch (error) {
    throw new ApiTlsUnusableError({ file: files.certFile, reason: 'it holds no certificate', cause: error })
  }
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('another key')
  } catch (error) {
    throw new ApiTlsUnusableError({
      file: files.keyFile,
      reason: 'it does not hold the key of the certificate, or asks for a passphrase',
      cause: error,
    })
  }
  if (((await stat(files.keyFile)).mode & 0o077) !== 0)
    log.warn('the key of the API can be read by others', { file: files.keyFile })
  return {
    cert,
    key,
    isCertified: (name) =>
      (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined,
  }
}

async function readSmallFile(file: string): Promise<Buffer> {
  try {
    if ((await stat(file)).size > FILE_BYTES_MAX) throw Object.assign(new Error(), { code: 'EFBIG' })
    return await readFile(file)
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    throw new ApiTlsUnusableError({ file, reason: `it cannot be read (${code})`, cause: error })
  }
}
