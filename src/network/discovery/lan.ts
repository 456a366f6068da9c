import type { PeerDiscovery } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import type { PeerId } from '../../core/signing-key.ts'
import type { ConnectionKeeper } from '../connection-keeper.ts'
import { withPeer } from '../peer-address.ts'

/** Who starts is found after one interval at most; requirement: 5 s. */
const INTERVAL_MS = 2_000

/**
 * Multicast DNS on the local network. libp2p only writes down whom it finds; we connect, with the addresses that
 * the answer came with. The offer comes with every answer, so that a lost neighbour is tried again at once.
 */
export function findOnLan(keeper: ConnectionKeeper, options: { serviceTag: string }) {
  const create = mdns({ interval: INTERVAL_MS, serviceTag: options.serviceTag })
  return (components: Parameters<typeof create>[0]): PeerDiscovery => {
    const service = create(components)
    service.addEventListener('peer', ({ detail }) => {
      const peer = detail.id.toString() as PeerId
      const addresses = detail.multiaddrs.slice(0, 16).map((address) => withPeer(address, peer))
      keeper.offer({ source: 'lan', peer, addresses })
    })
    return service
  }
}
