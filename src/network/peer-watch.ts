import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ConnectionKeeper } from './connection-keeper.ts'
import type { PeerListener } from './network.ts'
import type { RunningHost } from './running-host.ts'

interface Parts {
  keeper: ConnectionKeeper
  log: Logger
  metrics: Metrics
}

/** Sees who comes and goes, and tells those who want to know. */
export class PeerWatch {
  readonly #parts: Parts
  readonly #listeners = new Set<PeerListener>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Calls `listener` from now on; returns how to stop. */
  add(listener: PeerListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  tell(kind: 'connected' | 'disconnected', peer: PeerId): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener({ kind, peer })
      } catch (error) {
        this.#parts.log.warn('peer listener failed', { error })
      }
    }
  }

  /** Watches a host until it stops. */
  attach({ host, memory, life, bulk }: RunningHost): void {
    const { log, metrics, keeper } = this.#parts
    host.addEventListener('peer:connect', ({ detail }) => {
      metrics.count('kizuna_peer_connections_total')
      this.tell('connected', detail.toString() as PeerId)
      keeper.wake()
    })
    let addresses = String(host.getMultiaddrs())
    host.addEventListener('self:peer:update', () => {
      const before = addresses
      addresses = String(host.getMultiaddrs())
      if (addresses !== before && !life.signal.aborted) keeper.wake()
    })
    host.addEventListener('peer:disconnect', ({ detail }) => {
      if (life.signal.aborted) return
      const peer = detail.toString() as PeerId
      bulk?.drop(peer)
      keeper.disconnected(peer)
      this.tell('disconnected', peer)
    })
    // Only now, because identifying replaces what the peer store holds of a peer.
    host.addEventListener('peer:identify', ({ detail }) => {
      memory.seen(detail.connection).catch((error) => log.debug('peer not noted', { error }))
    })
  }
}
