import { Resolver } from 'node:dns/promises'
import type { Logger } from '../../core/log.ts'
import { type DialTarget, parseAddress } from '../peer-address.ts'

/** Reads the TXT records of a name; each record in its parts of up to 255 bytes. */
export type ResolveTxt = (name: string, signal: AbortSignal) => Promise<string[][]>

/** Peers taken of one domain. */
const PEERS_PER_DOMAIN_MAX = 64
/** Records that point to further domains are followed this deep. */
const DEPTH_MAX = 3
const PREFIX = 'dnsaddr='

/**
 * Peers listed in `_dnsaddr.<domain>` (libp2p specification `addressing`): one TXT record `dnsaddr=<multiaddress>`
 * each; a `/dnsaddr/<other domain>` in them is followed. Whatever else stands there is ignored.
 */
export async function findByDns(
  parts: { resolveTxt: ResolveTxt; log: Logger },
  domain: string,
  signal: AbortSignal,
  depth = 0,
): Promise<DialTarget[]> {
  const found: DialTarget[] = []
  const records = await parts.resolveTxt(`_dnsaddr.${domain}`, signal)
  for (const record of records.map((pieces) => pieces.join(''))) {
    if (found.length >= PEERS_PER_DOMAIN_MAX) break
    if (!record.startsWith(PREFIX)) continue
    try {
      const target = parseAddress(record.slice(PREFIX.length))
      const further = /^\/dnsaddr\/([^/]+)/.exec(target.address.toString())?.[1]
      if (further === undefined) found.push(target)
      else if (depth < DEPTH_MAX) found.push(...(await findByDns(parts, further, signal, depth + 1)))
    } catch (error) {
      parts.log.debug('DNS record not usable', { domain, error })
    }
  }
  return found.slice(0, PEERS_PER_DOMAIN_MAX)
}

/** Node's own resolver. */
export const resolveTxtBySystem: ResolveTxt = async (name, signal) => {
  const resolver = new Resolver({ timeout: 3_000, tries: 2 })
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await resolver.resolveTxt(name)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
