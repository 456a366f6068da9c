import type { Clock, Timer } from '../core/clock.ts'
import { isKizunaError, toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { askSpaceKeys } from './join-client.ts'
import type { MemberChain } from './member-chain.ts'
import type { SpaceId } from './record.ts'
import type { RecordSets } from './record-sets.ts'
import type { SpaceKeyring } from './space-keyring.ts'

/**
 * Whoever removes a member renews the key at once. Should it fail at that, the others with authority follow one after the
 * other at this interval, so that it is done once and, with the four first of them, well within 30 s.
 */
const RENEWAL_TURN_MS = 5_000
const TURNS_MAX = 4
/** Between two rounds of asking members for keys that we lack. */
const ASK_INTERVAL_MS = 2_000
/** A lone member that nobody can help asks more and more rarely. */
const ASK_INTERVAL_MS_MAX = 60_000
/** Members asked in one round. */
const ASKED_MAX = 3

/** What the keeper works with. */
export interface SpaceKeyKeeperParts {
  self: PeerId
  network: Network
  keyring: SpaceKeyring
  records: Pick<RecordSets, 'sync'>
  clock: Clock
  log: Logger
  chain: () => MemberChain
  space: () => SpaceId
}

/** Keeps the space's key out of the hands of those who were removed, and gets the keys that we lack. */
export class SpaceKeyKeeper {
  readonly #parts: SpaceKeyKeeperParts
  readonly #stopping = new AbortController()
  readonly #silence: () => void
  #renewal: Timer | undefined
  #asking: Timer | undefined
  #askDelayMs = ASK_INTERVAL_MS
  #isAsking = false

  constructor(parts: SpaceKeyKeeperParts) {
    this.#parts = parts
    this.#silence = parts.network.onPeer(({ kind }) => {
      if (kind === 'connected' && this.#asking !== undefined) this.#askSoon(0)
    })
  }

  stop(): void {
    this.#stopping.abort()
    this.#silence()
    this.#renewal?.stop()
    this.#asking?.stop()
  }

  /** Members or key records have changed: takes what was sealed to us, and sees to what is lacking. */
  look(): void {
    if (this.#stopping.signal.aborted) return
    const { keyring, chain } = this.#parts
    if (keyring.adopt(chain())) this.#parts.log.info('space key received')
    const { isStale, missing } = keyring.standing(chain())
    if (!isStale) {
      this.#renewal?.stop()
      this.#renewal = undefined
    } else this.#renewInTurn()
    if (missing.length > 0 && chain().members.has(this.#parts.self)) this.#askSoon(this.#askDelayMs)
  }

  /** Makes a new key now when the old ones may be known to somebody removed. */
  async renew(): Promise<void> {
    const { keyring, records, chain, log } = this.#parts
    if (!keyring.standing(chain()).isStale) return
    try {
      await keyring.renew(chain())
      log.info('space key renewed', { members: chain().members.size })
    } finally {
      // Not left to gossip and to chance: until it is heard of, the others seal with a key that the removed one has.
      records
        .sync({ signal: this.#stopping.signal })
        .catch((error: unknown) => log.debug('removal not told at once', { code: toKizunaError(error).code }))
    }
  }

  #renewInTurn(): void {
    const { chain, self, clock } = this.#parts
    if (this.#renewal !== undefined) return
    const entitled = [...chain().members.values()]
      .filter(({ role }) => role !== 'member')
      .map(({ peer }) => peer)
      .sort()
    const turn = entitled.indexOf(self)
    if (turn < 0) return
    this.#renewal = clock.after((Math.min(turn, TURNS_MAX - 1) + 1) * RENEWAL_TURN_MS, () => {
      this.#renewal = undefined
      this.renew().catch((error: unknown) =>
        this.#parts.log.warn('space key not renewed', { code: toKizunaError(error).code, error }),
      )
    })
  }

  #askSoon(delayMs: number): void {
    if (this.#isAsking || this.#stopping.signal.aborted) return
    if (this.#asking !== undefined && delayMs > 0) return
    this.#asking?.stop()
    this.#asking = this.#parts.clock.after(delayMs, () => {
      this.#asking = undefined
      this.#isAsking = true
      this.#ask()
        .catch((error: unknown) =>
          this.#parts.log.warn('space keys not asked', { code: toKizunaError(error).code, error }),
        )
        .finally(() => {
          this.#isAsking = false
          this.look()
        })
    })
  }

  async #ask(): Promise<void> {
    const { network, chain, space, keyring, log } = this.#parts
    const members = network
      .connectedPeers()
      .map(({ peer }) => peer)
      .filter((peer) => chain().members.has(peer))
    this.#askDelayMs = Math.min(this.#askDelayMs * 2, ASK_INTERVAL_MS_MAX)
    for (const peer of members.slice(0, ASKED_MAX)) {
      try {
        const keys = await askSpaceKeys(network, peer, space(), this.#stopping.signal)
        if (!keyring.take(chain(), keys)) continue
        this.#askDelayMs = ASK_INTERVAL_MS
        log.info('space key received', { from: peer })
        return
      } catch (error) {
        if (!isKizunaError(error)) throw error
        log.debug('peer gave no space keys', { peer, code: error.code })
      }
    }
  }
}
