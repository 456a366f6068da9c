import { isIP } from 'node:net'
import { isLoopback, isPrivate } from '@libp2p/utils'
import { CODE_P2P, CODE_P2P_CIRCUIT, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { InvalidInputError } from '../core/errors.ts'
import { type PeerId, parsePeerId } from '../core/signing-key.ts'
import type { Address } from './network.ts'

/** No address that anybody dials is longer; longer ones are refused unread. */
const ADDRESS_LENGTH_MAX = 1_024
const DIALABLE_START = /^\/(ip4|ip6|dns|dns4|dns6|dnsaddr|p2p)\//

/** Somewhere to dial. */
export interface DialTarget {
  /** Ends in `/p2p/<peer>` when the peer is known. */
  address: Multiaddr
  peer: PeerId | undefined
}

/**
 * Reads a multiaddress, or `host:port` (`[v6]:port`), which means TCP.
 * @throws InvalidInputError when it is neither, or names a peer that has no Ed25519 key.
 */
export function parseAddress(text: string): DialTarget {
  const address = text.length <= ADDRESS_LENGTH_MAX ? readAddress(text.trim()) : undefined
  if (address !== undefined) return { address, peer: peerOf(address) }
  throw new InvalidInputError({
    what: 'The address',
    reason: `“${text.slice(0, 100)}” is not one`,
    hint: 'Use `host:port` or a multiaddress such as /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW….',
  })
}

/** Whether `text` is meant as an address rather than a peer id. */
export function looksLikeAddress(text: string): boolean {
  return text.startsWith('/') || text.includes(':')
}

/** The addresses among `texts` that lead to `peer`, each ending in its id; at most `limit`. */
export function addressesOf(peer: PeerId, texts: Iterable<Address>, limit: number): Multiaddr[] {
  const found = new Map<string, Multiaddr>()
  for (const text of texts) {
    if (found.size >= limit) break
    try {
      const target = parseAddress(text)
      if (target.peer !== undefined && target.peer !== peer) continue
      const address = withPeer(target.address, peer)
      found.set(address.toString(), address)
    } catch {
      // One bad address of a peer does not spoil the others.
    }
  }
  return [...found.values()]
}

/** The same address, ending in `/p2p/<peer>`. */
export function withPeer(address: Multiaddr, peer: PeerId): Multiaddr {
  return address.getComponents().at(-1)?.code === CODE_P2P ? address : address.encapsulate(`/p2p/${peer}`)
}

/** The peer that an address leads to, when it says so. */
export function peerOf(address: Multiaddr): PeerId | undefined {
  const last = address.getComponents().at(-1)
  return last?.code === CODE_P2P && last.value !== undefined ? parsePeerId(last.value) : undefined
}

/** Whether it goes through a relay. */
export function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)
}

/** 0: anybody can dial it; 1: those on our networks; 2: through a relay; 3: only this machine. */
export function reachOf(address: Multiaddr): 0 | 1 | 2 | 3 {
  if (isRelayed(address)) return 2
  if (isLoopback(address)) return 3
  return isPrivate(address) ? 1 : 0
}

/** Widest reach first; of equal reach plain TCP before WebSocket, which costs more. */
export function sortByReach(addresses: readonly Multiaddr[]): Multiaddr[] {
  const isWebSocket = (address: Multiaddr) => address.getComponents().some(({ name }) => /^wss?$/.test(name))
  return addresses.toSorted(
    (a, b) => reachOf(a) - reachOf(b) || Number(isWebSocket(a)) - Number(isWebSocket(b)),
  )
}

/**
 * What is worth telling others: a relay hands out all its addresses, and of those through one relay only the
 * ones with the widest reach make sense.
 */
export function withoutRelayJunk(addresses: readonly Multiaddr[]): Multiaddr[] {
  const best = new Map<string, number>()
  const relayOf = (address: Multiaddr) => {
    const [hop = '', rest] = address.toString().split('/p2p-circuit')
    return rest === undefined
      ? undefined
      : { id: hop.slice(hop.lastIndexOf('/p2p/') + 1), reach: reachOf(multiaddr(hop)) }
  }
  for (const address of addresses) {
    const relay = relayOf(address)
    if (relay !== undefined) best.set(relay.id, Math.min(relay.reach, best.get(relay.id) ?? 3))
  }
  return addresses.filter((address) => {
    const relay = relayOf(address)
    return relay === undefined || relay.reach === best.get(relay.id)
  })
}

function readAddress(text: string): Multiaddr | undefined {
  try {
    if (text.startsWith('/')) {
      if (!DIALABLE_START.test(text)) return undefined
      const address = multiaddr(text)
      const [first] = address.getComponents()
      // Only a way through a relay may begin with a peer.
      return first?.code === CODE_P2P && !isRelayed(address) ? undefined : address
    }
    const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text)
    const host = match?.[1] ?? match?.[2] ?? ''
    const port = Number(match?.[3] ?? 0)
    if (match === null || port < 1 || port > 65_535) return undefined
    const version = isIP(host)
    if (version === 0 && (match[1] !== undefined || !isHostName(host))) return undefined
    return multiaddr(`/${version === 0 ? 'dns' : `ip${version}`}/${host}/tcp/${port}`)
  } catch {
    return undefined
  }
}

function isHostName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text) && !/^[\d.]+$/.test(text)
}
