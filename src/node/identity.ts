import { isKizunaError } from '../core/kizuna-error.ts'
import type { Random } from '../core/random.ts'
import { type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import type { Disk } from '../storage/disk.ts'
import { IdentityUnreadableError } from './errors.ts'

/** Name of the identity in the data folder: the 32-byte Ed25519 seed in hex. */
const IDENTITY_FILE = 'identity.key'
const IDENTITY_BYTES_MAX = 256

/**
 * The node's key pair; made at the first start and never again.
 * @throws IdentityUnreadableError rather than silently becoming somebody else.
 */
export async function openIdentity(parts: { disk: Disk; random: Random }): Promise<SigningKey> {
  let text: string
  try {
    text = Buffer.from(await parts.disk.readFile(IDENTITY_FILE, IDENTITY_BYTES_MAX))
      .toString('latin1')
      .trim()
  } catch (error) {
    if (isKizunaError(error, 'FILE_MISSING')) return createIdentity(parts)
    const reason = isKizunaError(error) ? error.message : 'it cannot be read'
    throw new IdentityUnreadableError({
      path: IDENTITY_FILE,
      reason: reason.replace(/\.$/, ''),
      cause: error,
    })
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new IdentityUnreadableError({ path: IDENTITY_FILE, reason: 'it is not 64 hex digits' })
  }
  return signingKeyFromSeed(Buffer.from(text, 'hex'))
}

async function createIdentity(parts: { disk: Disk; random: Random }): Promise<SigningKey> {
  const seed = parts.random.bytes(32)
  await parts.disk.writeFile(IDENTITY_FILE, Buffer.from(`${Buffer.from(seed).toString('hex')}\n`), {
    mode: 0o600,
  })
  return signingKeyFromSeed(seed)
}
