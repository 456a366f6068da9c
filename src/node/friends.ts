import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Network, PeerAddresses } from '../network/network.ts'

/** Keeps up connections to the peers that the owner named; one that cannot be reached now is tried again by the network. */
export function keepFriends(
  { network, log }: { network: Network; log: Logger },
  friends: readonly PeerAddresses[],
): void {
  for (const friend of friends) {
    network
      .keepConnected(friend)
      .catch((error) =>
        log.info('friend not reached', { peer: friend.peer, code: toKizunaError(error).code }),
      )
  }
}
