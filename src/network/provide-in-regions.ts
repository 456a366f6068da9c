import type { Clock } from '../core/clock.ts'
import {
  byDistanceTo,
  CLOSEST_PEERS,
  type KeyPoint,
  type KeyRegion,
  keepersFrom,
  pointOf,
  type RegionPeer,
  regionOf,
} from './key-regions.ts'

/** A region is believed for this long; peers come and go. */
const REGION_AGE_MS_MAX = 5 * 60_000
/** Regions remembered between calls; the oldest go first. */
const REGIONS_MAX = 4_096
/** Peers told at once. */
const TELLS_AT_ONCE = 8

/** What announcing needs of the DHT; the tests give a simulated one. */
export interface ProviderRecords<Peer> {
  /** The closest peers to a key that answered, at most `CLOSEST_PEERS`. */
  closestPeers(key: Uint8Array, signal: AbortSignal): Promise<RegionPeer<Peer>[]>
  /** Tells one peer that we provide all these keys. */
  tell(peer: Peer, keys: readonly Uint8Array[], signal: AbortSignal): Promise<void>
}

/** What became of an announcement. */
export interface ProvideOutcome {
  lookups: number
  /** Keys that at least one peer took. */
  kept: number
}

/**
 * Announces many keys with few look-ups: one look-up tells who keeps all keys of its neighbourhood, and each peer
 * is told of all its keys at once. A look-up per key, as Kademlia is usually used, takes an hour for a large file.
 */
export class RegionalProvider<Peer> {
  readonly #clock: Clock
  readonly #records: ProviderRecords<Peer>
  /** The youngest last. */
  #regions: { region: KeyRegion<Peer>; at: number }[] = []

  constructor(parts: { clock: Clock; records: ProviderRecords<Peer> }) {
    this.#clock = parts.clock
    this.#records = parts.records
  }

  /** Ends with the signal's reason when it aborts; what was told until then stays told. */
  async provide(keys: Iterable<Uint8Array>, signal: AbortSignal): Promise<ProvideOutcome> {
    const tasks = new Map<string, { peer: RegionPeer<Peer>; keys: Uint8Array[] }>()
    let lookups = 0
    let count = 0
    const points = [...keys].map((key) => ({ key, point: pointOf(key) }))
    points.sort((a, b) => Buffer.compare(a.point, b.point))
    for (const { key, point } of points) {
      let keepers = keepersFrom(this.#fresh(), point)
      if (keepers === undefined) {
        keepers = await this.#lookUp(key, point, signal)
        lookups++
      }
      if (keepers.length > 0) count++
      for (const peer of closest(keepers, point)) {
        const name = Buffer.from(peer.point).toString('base64')
        const task = tasks.get(name) ?? { peer, keys: [] }
        task.keys.push(key)
        tasks.set(name, task)
      }
    }
    const told = await this.#tellAll([...tasks.values()], signal)
    return { lookups, kept: told ? count : 0 }
  }

  async #lookUp(key: Uint8Array, point: KeyPoint, signal: AbortSignal): Promise<readonly RegionPeer<Peer>[]> {
    const peers = await this.#records.closestPeers(key, signal)
    if (peers.length === 0) return []
    this.#regions.push({ region: regionOf(point, peers), at: this.#clock.monotonic() })
    if (this.#regions.length > REGIONS_MAX) this.#regions.shift()
    return peers
  }

  #fresh(): KeyRegion<Peer>[] {
    const oldest = this.#clock.monotonic() - REGION_AGE_MS_MAX
    if ((this.#regions[0]?.at ?? oldest) < oldest)
      this.#regions = this.#regions.filter(({ at }) => at >= oldest)
    return this.#regions.map(({ region }) => region)
  }

  /** Whether anybody took anything. */
  async #tellAll(
    tasks: readonly { peer: RegionPeer<Peer>; keys: Uint8Array[] }[],
    signal: AbortSignal,
  ): Promise<boolean> {
    let next = 0
    let told = false
    const work = async () => {
      for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
        const { peer, keys } = task
        const taken = await this.#records.tell(peer.peer, keys, signal).then(
          () => true,
          () => false,
        )
        signal.throwIfAborted()
        told ||= taken
        // Who does not answer spoils the regions it stands in.
        if (!taken) this.#regions = this.#regions.filter(({ region }) => !region.peers.includes(peer))
      }
    }
    await Promise.all(Array.from({ length: TELLS_AT_ONCE }, work))
    return told
  }
}

function closest<Peer>(peers: readonly RegionPeer<Peer>[], point: KeyPoint): RegionPeer<Peer>[] {
  const order = byDistanceTo(point)
  return peers.toSorted((a, b) => order(a.point, b.point)).slice(0, CLOSEST_PEERS)
}
