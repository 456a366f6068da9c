import { createServer, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2pNetworkOptions } from './libp2p-options.ts'
import { reachOf } from './peer-address.ts'

/** Where to listen, and what of it the whole world can dial. */
export interface ListenPlan {
  listen: string[]
  /** Addresses of ours that count as proven: configured ones, and public ones of this machine. */
  announce: string[]
  /** Whether anybody can dial us without a router's or relay's help. */
  isPublic: boolean
}

/**
 * Works out the addresses. A public address on one of our own interfaces is announced: libp2p holds it back until
 * others have checked it, and a community of few has nobody who could, so its peers forget it. Ports of 0 are
 * settled here when there is such an address, because it must name the port.
 */
export async function planListening(options: Libp2pNetworkOptions): Promise<ListenPlan> {
  const own = publicAddresses(options.host)
  const family = isIPv6(options.host) ? 'ip6' : 'ip4'
  const listen: string[] = []
  const announce: string[] = [...options.announce]
  const add = async (port: number, suffix: string) => {
    if (port < 0) return
    const settled = port === 0 && own.length > 0 ? await freePort(options.host) : port
    listen.push(`/${family}/${options.host}/tcp/${settled}${suffix}`)
    for (const address of own) announce.push(`/${family}/${address}/tcp/${settled}${suffix}`)
  }
  await add(options.port, '')
  const wishesPort = options.wsPort === 0 && options.wsPortWished > 0
  const hasWish = wishesPort && (await isFree(options.host, options.wsPortWished))
  await add(hasWish ? options.wsPortWished : options.wsPort, '/ws')
  await add(options.dhtPort, '')
  const isPublic = announce.some((address) => reachOf(multiaddr(address)) === 0)
  return { listen, announce: [...new Set(announce)], isPublic }
}

/** Addresses of this machine that are not private, among those that `host` listens on. */
function publicAddresses(host: string): string[] {
  const isEvery = host === '0.0.0.0' || host === '::'
  const family = isIPv6(host) ? 'IPv6' : 'IPv4'
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => entry.family === family && !entry.internal)
    .map(({ address }) => address)
    .filter((address) => isEvery || address === host)
    .filter((address) => reachOf(multiaddr(`/${family === 'IPv6' ? 'ip6' : 'ip4'}/${address}/tcp/1`)) === 0)
}

function isFree(host: string, port: number): Promise<boolean> {
  return freePort(host, port).then(
    () => true,
    () => false,
  )
}

/** The port, or with 0 any free one. Rejects when it is taken. */
function freePort(host: string, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
