import type { Libp2p, PeerId as Libp2pPeerId, PrivateKey } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { Random } from '../../core/random.ts'
import type { PeerId } from '../../core/signing-key.ts'
import type { ConnectionKeeper } from '../connection-keeper.ts'
import type { Libp2pNetworkOptions } from '../libp2p-options.ts'
import type { Network } from '../network.ts'
import { addressesOf } from '../peer-address.ts'
import { ADDRESSES_PER_PEER_MAX, type PeerMemory } from '../peer-memory.ts'
import { startBootstrap } from './bootstrap.ts'
import { resolveTxtBySystem } from './dns.ts'
import { PEERS_PROTOCOL, PeerExchange } from './peer-exchange.ts'
import type { Relays } from './relays.ts'

/** Peers met before that are tried after a restart. */
const KNOWN_PEERS_MAX = 200

interface Parts {
  network: Network
  host: Libp2p
  privateKey: PrivateKey
  isPublic: boolean
  memory: PeerMemory
  keeper: ConnectionKeeper
  relays: Relays
  relaysConnected: () => Promise<Libp2pPeerId[]>
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
}

/**
 * Starts every source of discovery that is turned on; each alone forms a network. They run until `signal` aborts.
 * (Multicast DNS starts with the host, and the DHT by itself.)
 */
export function startDiscovery(parts: Parts, options: Libp2pNetworkOptions, signal: AbortSignal): void {
  const { clock, log, keeper, host } = parts
  const resolveTxt = options.resolveTxt ?? resolveTxtBySystem
  const connectedCount = () => host.getPeers().length
  startBootstrap({ clock, log: log.named('bootstrap'), keeper, resolveTxt, connectedCount }, options, signal)
  if (options.redial) void offerKnown(parts)
  if (options.peerExchange !== false) startExchange(parts, options.peerExchange.intervalMs, signal)
  if (options.relayClient && !parts.isPublic) {
    const { network, memory, relaysConnected } = parts
    const keep = async (relay: PeerId) => {
      const addresses = await memory.addresses(relay)
      await network.keepConnected({ peer: relay, addresses: addresses.map(String) })
    }
    const addresses = () => network.addresses()
    void parts.relays.supervise(
      { clock, log: log.named('relays'), addresses, relaysConnected, keep },
      options,
      signal,
    )
  }
}

async function offerKnown({ memory, keeper, log }: Parts): Promise<void> {
  try {
    await memory.prune()
    for (const known of await memory.all(KNOWN_PEERS_MAX)) {
      const addresses = addressesOf(known.peer, known.addresses, ADDRESSES_PER_PEER_MAX)
      keeper.offer({ source: 'known', peer: known.peer, addresses })
    }
  } catch (error) {
    log.warn('known peers not read', { error })
  }
}

function startExchange(parts: Parts, intervalMs: number, signal: AbortSignal): void {
  const { network, host, log } = parts
  const request: Network['request'] = (...words) => network.request(...words)
  const exchange = new PeerExchange({ ...parts, log: log.named('peer-exchange'), request }, { intervalMs })
  const takeAway = network.handle(PEERS_PROTOCOL, exchange.handler)
  signal.addEventListener('abort', takeAway, { once: true })
  // A newcomer is asked at once: that is how a network grows together within seconds.
  host.addEventListener('peer:identify', ({ detail }) => {
    if (!detail.protocols.includes(PEERS_PROTOCOL)) return
    void exchange.ask(detail.peerId.toString() as PeerId, signal)
  })
  void exchange.run(signal)
}
