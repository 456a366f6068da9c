import type { Connection, ConnectionGater, MultiaddrConnection } from '@libp2p/interface'
import { networkGroupOf } from './network-group.ts'

/**
 * Handshakes under way from one network, of the hundred in all: whoever connects and says nothing keeps only half of
 * the places, and everybody else still gets in.
 */
export const HANDSHAKES_PER_NETWORK_MAX = 50

/**
 * The hard limit on connections, inbound and outbound together. libp2p counts before the handshake and prunes
 * afterwards, so that a burst goes over its limit; here each connection takes its place in the moment before it
 * opens, or is refused.
 */
export class ConnectionGate {
  readonly #connectionsMax: number
  readonly #open = new Set<Connection>()
  /** Connections that have not finished their handshake, by network. */
  readonly #greeting = new Map<string, Set<MultiaddrConnection>>()
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
    denyInboundConnection: (connection) => !this.#greet(connection),
    denyInboundUpgradedConnection: (_peer, connection) => {
      this.#greeted(connection)
      return !this.#admit()
    },
    denyOutboundUpgradedConnection: () => !this.#admit(),
  }

  opened(connection: Connection): void {
    this.#entering = Math.max(this.#entering - 1, 0)
    if (connection.status === 'open') this.#open.add(connection)
  }

  closed(connection: Connection): void {
    this.#open.delete(connection)
  }

  #greet(connection: MultiaddrConnection): boolean {
    const network = networkGroupOf(connection.remoteAddr)
    if (network === undefined) return true
    const greeting = this.#greeting.get(network) ?? new Set()
    if (greeting.size >= HANDSHAKES_PER_NETWORK_MAX) return false
    this.#greeting.set(network, greeting.add(connection))
    connection.addEventListener('close', () => this.#greeted(connection))
    return true
  }

  #greeted(connection: MultiaddrConnection): void {
    const network = networkGroupOf(connection.remoteAddr)
    const greeting = network === undefined ? undefined : this.#greeting.get(network)
    if (network === undefined || greeting?.delete(connection) !== true) return
    if (greeting.size === 0) this.#greeting.delete(network)
  }

  #admit(): boolean {
    if (this.isFull) return false
    this.#entering++
    return true
  }
}
