import type { Community, MemberView } from '../../src/content/community.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { PeerId } from '../../src/core/signing-key.ts'
import type { Network } from '../../src/network/network.ts'

/** Every node says how it is this often; it may be lost like any broadcast. */
const STATUS_EVERY_MS = 10_000
/** Without a connection, a member counts as online this long after its last sign of life. */
const FRESH_MS = 25_000
const TOPIC = '/simulation/status'
const FREE_BYTES = 64 * 2 ** 30

interface Status {
  holdings: { count: number; fingerprint: string }
}

/** Who is in the space, as one simulated node knows it: by its connections and by what others say of themselves. */
export class SimulatedCommunity implements Community {
  readonly publicReading = false
  readonly self: PeerId
  readonly #network: Network
  readonly #clock: Clock
  readonly #others: readonly PeerId[]
  readonly #lastSeenAt = new Map<PeerId, number>()
  readonly #statuses = new Map<PeerId, Status>()
  readonly #listeners = new Set<() => void>()

  constructor(parts: { network: Network; clock: Clock }, members: readonly PeerId[]) {
    this.#network = parts.network
    this.#clock = parts.clock
    this.self = parts.network.peerId
    this.#others = members.filter((peer) => peer !== this.self)
  }

  /** Begins to tell and to hear; `holdings` is our own set now. */
  start(holdings: () => Status['holdings']): void {
    this.#network.onPeer(({ peer }) => this.#seen(peer))
    this.#network.listen(TOPIC, (bytes, from) => {
      this.#statuses.set(from, JSON.parse(Buffer.from(bytes).toString()) as Status)
      this.#seen(from)
    })
    const tell = () => {
      const status: Status = { holdings: holdings() }
      void this.#network.broadcast(TOPIC, Buffer.from(JSON.stringify(status)))
      this.#clock.after(STATUS_EVERY_MS, tell)
    }
    this.#clock.after(STATUS_EVERY_MS, tell)
  }

  members(): MemberView[] {
    return this.#others.map((peer) => {
      const lastSeenAt = this.#lastSeenAt.get(peer) ?? -FRESH_MS
      return {
        peer,
        online: this.#network.isConnected(peer) || this.#clock.monotonic() - lastSeenAt < FRESH_MS,
        lastSeenAt: this.#clock.now() - (this.#clock.monotonic() - lastSeenAt),
        stores: true,
        freeBytes: FREE_BYTES,
        uptime: 1,
        failureDomain: peer,
        latencyMs: undefined,
        holdings: this.#statuses.get(peer)?.holdings,
      }
    })
  }

  isMember(peer: PeerId): boolean {
    return this.#others.includes(peer)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #seen(peer: PeerId): void {
    this.#lastSeenAt.set(peer, this.#clock.monotonic())
    for (const listener of [...this.#listeners]) listener()
  }
}
