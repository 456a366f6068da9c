import type { Connection, Libp2p, PeerId as Libp2pPeerId, PeerInfo } from '@libp2p/interface'
import type { KadDHT, SingleKadDHT } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import type { Clock } from '../core/clock.ts'
import { type ContentId, digestOf } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import { NobodyToAnnounceToError } from './errors.ts'
import { drained } from './frame-stream.ts'
import { encodeAddProvider } from './kad-message.ts'
import { CLOSEST_PEERS, pointOf } from './key-regions.ts'
import type { PeerAddresses } from './network.ts'
import { NetworkCall } from './network-call.ts'
import { reachOf, withPeer } from './peer-address.ts'
import { RegionalProvider } from './provide-in-regions.ts'
import { type GuardedTable, networkOfPeer, TableDiversity } from './table-diversity.ts'

/** Our community's own DHT: peers and provider records, never values. */
export const KAD_PROTOCOL = '/kizuna/kad/1.0.0'
/**
 * How we look things up. α and the number of paths are less than the library's 10, whose messages grow with the
 * network (`bench/lookups.ts`); the table is deeper than its 6 bits, with which ten thousand nodes find half of the
 * peers next to a key (decision 0016).
 */
export const KADEMLIA = {
  kBucketSize: CLOSEST_PEERS,
  alpha: 3,
  disjointPaths: 3,
  prefixLength: 12,
} as const
/** How long a call waits for the first peer of the DHT when we have connections. */
const FIRST_PEER_MS = 3_000
const FIRST_PEER_POLL_MS = 50
/** One peer is told for at most this long, and closes the stream within the second figure after the last key. */
const TELL_MS = 15_000
const TELL_CLOSE_MS = 5_000
/** SHA-256 multihash: code and length. */
const MULTIHASH_HEADER = Buffer.from([0x12, 0x20])

interface Parts {
  host: Libp2p
  dht: KadDHT
  clock: Clock
  log: Logger
  metrics: Metrics
  connector: { connectionTo: (peer: PeerId, call: NetworkCall) => Promise<Connection> }
}

/** What we ask of the DHT; every call ends by its call's deadline. */
export class Dht {
  readonly #parts: Parts
  readonly #provider: RegionalProvider<PeerId>

  constructor(parts: Parts) {
    this.#parts = parts
    const networkOf = (peer: Libp2pPeerId) => networkOfPeer(parts.host, peer)
    new TableDiversity({ clock: parts.clock, networkOf }).guard(
      (parts.dht as SingleKadDHT).routingTable as unknown as GuardedTable,
    )
    this.#provider = new RegionalProvider({
      clock: parts.clock,
      records: {
        closestPeers: (key, signal) => this.#closestPeers(key, signal),
        tell: (peer, keys, signal) => this.#tell(peer, keys, signal),
      },
    })
  }

  get mode(): 'client' | 'server' {
    return this.#parts.dht.getMode()
  }

  /** Peers in the routing table. */
  get size(): number {
    return (this.#parts.dht as SingleKadDHT).routingTable.size
  }

  async setMode(mode: 'client' | 'server'): Promise<void> {
    await this.#parts.dht.setMode(mode)
  }

  /** See `Network.provide`. @throws NobodyToAnnounceToError when no peer took anything. */
  async provide(ids: Iterable<ContentId>, call: NetworkCall): Promise<void> {
    const keys = [...new Set(ids)].map((id) => Buffer.concat([MULTIHASH_HEADER, digestOf(id)]))
    if (keys.length === 0) return
    if (!(await this.#hasPeers(call))) throw new NobodyToAnnounceToError()
    const outcome = await call.race(this.#provider.provide(keys, call.signal))
    this.#parts.metrics.count('kizuna_dht_lookups_total', { for: 'provide' }, outcome.lookups)
    this.#parts.log.debug('announced', { ids: keys.length, ...outcome })
    if (outcome.kept === 0) throw new NobodyToAnnounceToError()
  }

  /** See `Network.findProviders`. */
  async *findProviders(id: ContentId, limit: number, call: NetworkCall): AsyncGenerator<PeerAddresses> {
    if (!(await this.#hasPeers(call))) return
    this.#parts.metrics.count('kizuna_dht_lookups_total', { for: 'find' })
    const seen = new Set([this.#parts.host.peerId.toString()])
    const events = this.#parts.dht.findProviders(CID.parse(id), { signal: call.signal })
    for await (const event of this.#until(events, call)) {
      if (event.name !== 'PROVIDER') continue
      for (const provider of event.providers) {
        const peer = provider.id.toString()
        if (seen.has(peer)) continue
        seen.add(peer)
        yield toPeerAddresses(provider)
        if (seen.size > limit) return
      }
    }
  }

  /** Where other peers say that `peer` is; what we remember ourselves is not asked. */
  async findPeer(peer: PeerId, call: NetworkCall): Promise<PeerAddresses | undefined> {
    if (!(await this.#hasPeers(call))) return undefined
    this.#parts.metrics.count('kizuna_dht_lookups_total', { for: 'peer' })
    const addresses = new Set<string>()
    const options = { signal: call.signal, useCache: false }
    try {
      for await (const event of this.#until(
        this.#parts.dht.findPeer(peerIdFromString(peer), options),
        call,
      )) {
        if (event.name !== 'FINAL_PEER') continue
        for (const address of event.peer.multiaddrs) addresses.add(withPeer(address, peer).toString())
      }
    } catch (error) {
      call.signal.throwIfAborted()
      // The library throws when nobody knows.
      this.#parts.log.debug('peer not found', { peer, error })
    }
    return addresses.size === 0 ? undefined : { peer, addresses: [...addresses] }
  }

  /** Waits a moment for the routing table to fill; the library would wait for the whole deadline. */
  async #hasPeers(call: NetworkCall): Promise<boolean> {
    call.signal.throwIfAborted()
    const { clock, host } = this.#parts
    const end = clock.monotonic() + Math.min(FIRST_PEER_MS, call.timeoutMs / 2)
    while (this.size === 0 && host.getConnections().length > 0 && clock.monotonic() < end) {
      await call.race(clock.sleep(FIRST_PEER_POLL_MS))
    }
    return this.size > 0
  }

  /** The events of a query; ends with the call. */
  async *#until<Event>(events: AsyncIterable<Event>, call: NetworkCall): AsyncGenerator<Event> {
    const iterator = events[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await call.race(iterator.next())
        if (next.done === true) return
        yield next.value
      }
    } catch (error) {
      call.signal.throwIfAborted()
      throw error
    } finally {
      iterator.return?.()?.catch(() => {})
    }
  }

  async #closestPeers(key: Uint8Array, signal: AbortSignal) {
    const found: { peer: PeerId; point: Uint8Array }[] = []
    for await (const event of this.#parts.dht.getClosestPeers(key, { signal })) {
      if (event.name !== 'FINAL_PEER') continue
      const { id } = event.peer
      found.push({ peer: id.toString() as PeerId, point: pointOf(id.toMultihash().bytes) })
    }
    return found
  }

  async #tell(peer: PeerId, keys: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { host, clock, connector } = this.#parts
    const call = new NetworkCall(clock, `Announcing to ${peer}`, { signal, timeoutMs: TELL_MS })
    try {
      const connection = await connector.connectionTo(peer, call)
      const options = { signal: call.signal, runOnLimitedConnection: true }
      const stream = await connection.newStream(KAD_PROTOCOL, options)
      try {
        const self = host.peerId.toMultihash().bytes
        const addresses = this.#announced()
        for (const key of keys) {
          const message = encodeAddProvider({ key, peer: self, addresses })
          stream.send(message)
          await drained(stream, call.signal)
          call.progress()
        }
        const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()))
        await stream.close({ signal: call.signal })
        // Nothing is answered to an announcement; the other end closes when it has read all of it.
        await Promise.race([closed, call.race(clock.sleep(TELL_CLOSE_MS))])
      } finally {
        if (stream.status === 'open') stream.abort(new Error('not closed in time'))
      }
    } finally {
      call.end()
    }
  }

  /** Our addresses in a provider record; servers ignore a record without any. */
  #announced(): Uint8Array[] {
    const all = this.#parts.host.getMultiaddrs()
    const elsewhere = all.filter((address) => reachOf(address) !== 3)
    return (elsewhere.length > 0 ? elsewhere : all).slice(0, 16).map((address) => address.bytes)
  }
}

function toPeerAddresses(found: PeerInfo): PeerAddresses {
  const peer = found.id.toString() as PeerId
  return { peer, addresses: found.multiaddrs.map((address) => withPeer(address, peer).toString()) }
}
