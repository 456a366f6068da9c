import { type ContentId, digestOf } from '../core/content-id.ts'
import { type PeerId, publicKeyOf, type SigningKey } from '../core/signing-key.ts'
import type { CorruptionNotice } from './dds-messages.js'

/** Sets these signatures apart from all others made with the same key. */
const CONTEXT = 'kizuna corruption notice 1'

/** Says, signed, that `holder` gave wrong bytes for a chunk. It is a reason to look, never a proof. */
export function signCorruptionNotice(
  key: SigningKey,
  facts: { id: ContentId; holder: PeerId; noticedAt: number },
): CorruptionNotice {
  const unsigned = {
    chunkCid: Uint8Array.from(digestOf(facts.id)),
    holder: Uint8Array.from(publicKeyOf(facts.holder)),
    noticedAt: BigInt(facts.noticedAt),
    signer: Uint8Array.from(key.publicKey),
  }
  return { ...unsigned, signature: Uint8Array.from(key.sign(corruptionNoticeBytes(unsigned))) }
}

/** The bytes a notice's signature covers: context, chunk, holder, time (8 bytes, big-endian). */
export function corruptionNoticeBytes(notice: Omit<CorruptionNotice, 'signer' | 'signature'>): Uint8Array {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt.asUintN(64, notice.noticedAt))
  return Buffer.concat([Buffer.from(CONTEXT), notice.chunkCid, notice.holder, time])
}
