import type { PeerId } from '../core/signing-key.ts'
import { MEMBER_KIND, type SignedRecord } from './record.ts'
import type { RecordQuery } from './record-table.ts'

/** What the certificates are read from: a shelf, or the record sets themselves. */
export interface CertificateSource {
  list(query: RecordQuery, now: number): SignedRecord[]
}

/** Certificates of one peer by different members; more add nothing. */
const PER_PEER_MAX = 4

/**
 * The certificates that make `peer` a member, with those of their authors up to the founder,
 * the founder's end first, so that they can be checked one by one.
 */
export function introductionOf(peer: PeerId, source: CertificateSource, countMax: number): Uint8Array[] {
  const chain: Uint8Array[] = []
  const seen = new Set<string>([peer])
  const queue: string[] = [peer]
  while (queue.length > 0 && chain.length < countMax) {
    const subject = queue.shift() as string
    const query = { kind: MEMBER_KIND, keyPrefix: subject, limit: PER_PEER_MAX }
    for (const certificate of source.list(query, 0)) {
      chain.push(certificate.bytes)
      if (seen.has(certificate.author)) continue
      seen.add(certificate.author)
      queue.push(certificate.author)
    }
  }
  return chain.slice(0, countMax).reverse()
}
