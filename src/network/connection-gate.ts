import type { Connection, ConnectionGater } from '@libp2p/interface'

/**
 * The hard limit on connections, inbound and outbound together. libp2p counts before the handshake and prunes
 * afterwards, so that a burst goes over its limit; here each connection takes its place in the moment before it
 * opens, or is refused.
 */
export class ConnectionGate {
  readonly #connectionsMax: number
  readonly #open = new Set<Connection>()
  /** Admitted and not yet reported as open. */
  #entering = 0

  constructor(connectionsMax: number) {
    this.#connectionsMax = connectionsMax
  }

  get isFull(): boolean {
    return this.#open.size + this.#entering >= this.#connectionsMax
  }

  /** For libp2p. Loopback and private networks may be dialled: communities live there too. */
  readonly gater: ConnectionGater = {
    denyDialMultiaddr: () => false,
    denyInboundUpgradedConnection: () => !this.#admit(),
    denyOutboundUpgradedConnection: () => !this.#admit(),
  }

  opened(connection: Connection): void {
    this.#entering = Math.max(this.#entering - 1, 0)
    if (connection.status === 'open') this.#open.add(connection)
  }

  closed(connection: Connection): void {
    this.#open.delete(connection)
  }

  #admit(): boolean {
    if (this.isFull) return false
    this.#entering++
    return true
  }
}
