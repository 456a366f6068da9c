import type { Libp2pEvents, Startable, TypedEventTarget } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { reachOf } from './peer-address.ts'

/** What of a libp2p host this needs. */
export interface RelayComponents {
  events: TypedEventTarget<Libp2pEvents>
  addressManager: { getAddresses(): Multiaddr[] }
}

/**
 * Begins to relay for others as soon as somebody can dial us from anywhere: at the start where that is known, or
 * when a forwarded port was found or a peer has checked an address. It then goes on until the host stops.
 */
export class RelayWhenPublic implements Startable {
  readonly #components: RelayComponents
  readonly #server: Startable
  readonly #isPublic: boolean
  #begun: Promise<void> | undefined

  /** @param options `isPublic` when it is known beforehand. */
  constructor(parts: { components: RelayComponents; server: Startable }, options: { isPublic: boolean }) {
    this.#components = parts.components
    this.#server = parts.server
    this.#isPublic = options.isPublic
  }

  async start(): Promise<void> {
    if (this.#isPublic) await this.#begin()
    else this.#components.events.addEventListener('self:peer:update', this.#look)
  }

  async stop(): Promise<void> {
    this.#components.events.removeEventListener('self:peer:update', this.#look)
    await this.#begun
    if (this.#begun !== undefined) await this.#server.stop()
  }

  /** Public addresses that nobody has checked are not among those told to others. */
  readonly #look = () => {
    if (!this.#components.addressManager.getAddresses().some((address) => reachOf(address) === 0)) return
    this.#components.events.removeEventListener('self:peer:update', this.#look)
    // It only takes on a protocol; should that fail, there is one relay less and nothing to mend.
    this.#begin().catch(() => {})
  }

  #begin(): Promise<void> {
    this.#begun ??= Promise.resolve(this.#server.start())
    return this.#begun
  }
}
