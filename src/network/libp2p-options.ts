import type { ResolveTxt } from './discovery/dns.ts'
import type { PeersPolicy } from './discovery/peer-exchange.ts'

/** What can be set about a libp2p network; the defaults suit a member's machine. */
export interface Libp2pNetworkOptions {
  /** Address to listen on. @default '0.0.0.0' */
  host: string
  /** TCP port; 0 takes any free one. @default 0 */
  port: number
  /** WebSocket port; 0 takes any free one, -1 turns it off. @default -1 */
  wsPort: number
  /** With a `wsPort` of 0: the port taken when it is free, so that a restart listens where it did; 0 for none. */
  wsPortWished: number
  /** One more TCP port, for addresses given out as bootstrap; -1 turns it off. @default -1 */
  dhtPort: number
  /** Addresses to tell others besides those found, such as a forwarded port. They count as proven. */
  announce: readonly string[]
  /** Most connections at once, inbound and outbound. @default 300 */
  connectionsMax: number
  /** Peers that discovery connects to on its own. @default 50 */
  peersWanted: number
  /** Peers to connect to at the start: multiaddresses or `host:port`. */
  bootstrap: readonly string[]
  /** Domains whose `_dnsaddr` TXT records list peers. */
  bootstrapDns: readonly string[]
  /** Reads TXT records. @default Node's resolver */
  resolveTxt: ResolveTxt | undefined
  /** Find peers on the local network. @default true */
  mdns: boolean
  /** Networks with different tags never see each other. @default '_kizuna._udp.local' */
  mdnsServiceTag: string
  /** @default true */
  dht: boolean
  /** `auto` is a server unless a relay is the only way to us. @default 'auto' */
  dhtMode: 'auto' | 'server' | 'client'
  /** Ask connected peers for others. @default { intervalMs: 30_000 } */
  peerExchange: PeersPolicy | false
  /** Connect again to peers met before. @default true */
  redial: boolean
  /** Carry traffic of peers behind routers; `auto` when this machine has a public address. @default 'auto' */
  relayServer: boolean | 'auto'
  /** Peers behind routers that one relay serves. @default 256 */
  relayReservationsMax: number
  /** Be reachable through relays when this machine has no public address. @default true */
  relayClient: boolean
  /** Relays used at once. @default 2 */
  relaysWanted: number
  /** Ask the router to forward our port. @default false */
  upnp: boolean
  /** Have peers check whether our addresses work. @default true */
  autonat: boolean
  /** Direct TLS connections for bulk requests on the same port; off, everything goes by libp2p. @default true */
  bulk: boolean
  /** Ways of encrypting offered, best first. @default ['tls', 'noise'] */
  encryption: readonly ('tls' | 'noise')[]
  /** Log what the libp2p libraries say. @default false */
  debug: boolean
}

/** See {@link Libp2pNetworkOptions}. */
export const LIBP2P_NETWORK_DEFAULTS: Libp2pNetworkOptions = {
  host: '0.0.0.0',
  port: 0,
  wsPort: -1,
  wsPortWished: 0,
  dhtPort: -1,
  announce: [],
  connectionsMax: 300,
  peersWanted: 50,
  bootstrap: [],
  bootstrapDns: [],
  resolveTxt: undefined,
  mdns: true,
  mdnsServiceTag: '_kizuna._udp.local',
  dht: true,
  dhtMode: 'auto',
  peerExchange: { intervalMs: 30_000 },
  redial: true,
  relayServer: 'auto',
  relayReservationsMax: 256,
  relayClient: true,
  relaysWanted: 2,
  upnp: false,
  autonat: true,
  bulk: true,
  encryption: ['tls', 'noise'],
  debug: false,
}
