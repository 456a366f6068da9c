import type { PeerId } from '../core/signing-key.ts'
import type { PeerAddresses } from './network.ts'
import { addressesOf, isRelayed } from './peer-address.ts'

/** Addresses of one peer that are shown. */
const ADDRESSES_MAX = 16

/** Where a provider of content listens, with the field names of the beginnings (its DHT values). */
export interface ProviderView {
  /** The peer id. */
  node_id: PeerId
  /** IPv4 or IPv6. */
  ip: string
  port: number
}

/**
 * A provider record as the older programs had it: one entry per IP address and TCP port of the peer itself. Ways
 * through relays are left out, because their address is another's; those by name, because a name is no address; those
 * by WebSocket, because their port does not speak plain TCP.
 */
export function toProviderViews({ peer, addresses }: PeerAddresses): ProviderView[] {
  const views = addressesOf(peer, addresses, ADDRESSES_MAX).flatMap((address) => {
    if (isRelayed(address)) return []
    const parts = new Map(address.getComponents().map(({ name, value }) => [name, value]))
    // The older programs spoke plain TCP only: a port that expects WebSocket would not understand them.
    if (parts.has('ws') || parts.has('wss')) return []
    const ip = parts.get('ip4') ?? parts.get('ip6')
    const port = parts.get('tcp')
    return ip === undefined || port === undefined ? [] : [{ node_id: peer, ip, port: Number(port) }]
  })
  return [...new Map(views.map((view) => [`${view.ip} ${view.port}`, view])).values()]
}
