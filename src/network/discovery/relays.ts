import { circuitRelayTransport, RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { PeerId as Libp2pPeerId, Transport } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { PeerId } from '../../core/signing-key.ts'

/** How often the supervisor looks whether we have the relays we want. */
const LOOK_MS = 5_000
/** Reservations asked for at once; with 1, libp2p's queue drops a second one without settling it. */
const RESERVATIONS_AT_ONCE = 8

type RelayComponents = Parameters<ReturnType<typeof circuitRelayTransport>>[0]

/** libp2p's transport through relays, and what keeps us reserved on them. */
export class Relays {
  #transport: Transport | undefined

  /** For libp2p's list of transports. */
  transport() {
    return (components: RelayComponents): Transport => {
      // As long as a relay is missing, libp2p would walk the DHT without pause and dial whomever it hears of. In a
      // community without relays that is always. Peers that relay are noticed when they connect; that is enough.
      const quiet = Object.create(components, {
        randomWalk: { value: { walk: neverWalk } },
        events: { value: withoutDiscoveries(components.events) },
      }) as RelayComponents
      this.#transport = circuitRelayTransport({ reservationConcurrency: RESERVATIONS_AT_ONCE })(quiet)
      return this.#transport
    }
  }

  /**
   * Looks after the reservations until `signal` aborts: asks connected relays again that refused or were lost,
   * and has those we are reserved on kept connected, because libp2p forgets them with the connection.
   */
  async supervise(
    parts: {
      clock: Clock
      log: Logger
      addresses: () => string[]
      relaysConnected: () => Promise<Libp2pPeerId[]>
      keep: (relay: PeerId) => Promise<void>
    },
    options: { relaysWanted: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = parts
    const kept = new Set<PeerId>()
    try {
      for (;;) {
        await clock.sleep(LOOK_MS, signal)
        const reserved = relaysIn(parts.addresses())
        for (const relay of reserved) {
          if (!kept.has(relay)) await parts.keep(relay)
          kept.add(relay)
        }
        if (reserved.size >= options.relaysWanted) continue
        for (const relay of await parts.relaysConnected()) {
          if (reserved.has(relay.toString() as PeerId)) continue
          await this.#reserve(relay).catch((error) => {
            log.debug('relay gave no reservation', { relay: relay.toString(), error })
          })
        }
      }
    } catch {
      // The network stops.
    }
  }

  /** libp2p has no public way to ask a relay again; without the inner one, the next connection does it. */
  async #reserve(relay: Libp2pPeerId): Promise<void> {
    const transport = this.#transport as
      | { reservationStore?: { addRelay?: (relay: Libp2pPeerId, type: string) => Promise<unknown> } }
      | undefined
    await transport?.reservationStore?.addRelay?.(relay, 'discovered')
  }
}

/** Whether a peer with these protocols relays for others. */
export function relaysForOthers(protocols: readonly string[]): boolean {
  return protocols.includes(RELAY_V2_HOP_CODEC)
}

/** The relays through which these addresses lead. */
export function relaysIn(addresses: readonly string[]): Set<PeerId> {
  const relays = addresses.flatMap((address) => /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1] ?? [])
  return new Set(relays as PeerId[])
}

/** The same events, except that nobody can listen to `peer:discovery`. */
function withoutDiscoveries(events: RelayComponents['events']): RelayComponents['events'] {
  return new Proxy(events, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...words: unknown[]) => unknown
      if (name !== 'addEventListener') return call
      return (...words: unknown[]) => (words[0] === 'peer:discovery' ? undefined : call(...words))
    },
  })
}

/** A walk that meets nobody. */
async function* neverWalk(options?: { signal?: AbortSignal }): AsyncGenerator<never> {
  await new Promise<void>((resolve) => {
    if (options?.signal?.aborted !== false) resolve()
    options?.signal?.addEventListener('abort', () => resolve(), { once: true })
  })
}
