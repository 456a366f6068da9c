import { isIP } from 'node:net'
import { CODE_IP4, CODE_IP6, type Multiaddr } from '@multiformats/multiaddr'
import { isRelayed } from './peer-address.ts'

/**
 * Whom an address belongs to, as far as addresses tell: an IPv4 /24 or an IPv6 /48, which cost somebody money to have
 * many of, while ids cost nothing. Undefined for addresses that name no IP, and for those through a relay.
 */
export function networkGroupOf(address: Multiaddr): string | undefined {
  if (isRelayed(address)) return undefined
  const [first] = address.getComponents()
  if (first?.value === undefined) return undefined
  return first.code === CODE_IP4 || first.code === CODE_IP6 ? networkGroupOfIp(first.value) : undefined
}

/** The same of an IP address alone, as a socket has it; undefined for what is none. */
export function networkGroupOfIp(ip: string): string | undefined {
  if (isIP(ip) === 4) return `${ip.split('.').slice(0, 3).join('.')}.0/24`
  const dressed = /^::ffff:(\d+\.\d+\.\d+)\.\d+$/i.exec(ip)?.[1]
  if (dressed !== undefined) return `${dressed}.0/24`
  const groups = groupsOf(ip.split('%')[0] ?? '')
  if (groups.length === 0) return undefined
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return `${groups.slice(0, 3).join(':')}::/48`
  // An IPv4 address in IPv6 dress.
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
  return `${high >> 8}.${high & 255}.${low >> 8}.0/24`
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(text: string): string[] {
  if (isIP(text) !== 6) return []
  const [head = '', tail] = text.toLowerCase().split('::')
  const list = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16).toString(16))
  const before = list(head)
  const after = tail === undefined ? [] : list(tail)
  return tail === undefined
    ? before
    : [...before, ...Array(8 - before.length - after.length).fill('0'), ...after]
}
