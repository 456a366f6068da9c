import { type PeerId, parsePeerId } from '../core/signing-key.ts'

/**
 * A bootstrap entry as a multiaddress: `host:port`, `[v6]:port` and multiaddresses are taken; anything else
 * gives undefined.
 */
export function bootstrapAddress(entry: string): string | undefined {
  if (entry.startsWith('/'))
    return /^\/(ip4|ip6|dns|dns4|dns6|dnsaddr)\/[^/\s]+(\/[^\s]*)?$/.test(entry) ? entry : undefined
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(entry)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65_535) return undefined
  if (match[1] !== undefined) return `/ip6/${match[1]}/tcp/${port}`
  const host = match[2] ?? ''
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(host))
    return /^[a-z0-9.-]+$/i.test(host) ? `/dns/${host}/tcp/${port}` : undefined
  return host.split('.').every((part) => Number(part) <= 255) ? `/ip4/${host}/tcp/${port}` : undefined
}

/** A `friends` entry, a peer id or an address that ends in one; anything else gives undefined. */
export function friendOf(entry: string): { peer: PeerId; addresses: string[] } | undefined {
  try {
    const peer = parsePeerId(entry.split('/').at(-1) ?? '')
    return { peer, addresses: entry.startsWith('/') ? [entry] : [] }
  } catch {
    return undefined
  }
}
