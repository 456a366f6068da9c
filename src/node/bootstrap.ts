import type { Clock } from '../core/clock.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Address, Network } from '../network/network.ts'
import { OtherSpaceError } from '../records/errors.ts'
import { askGreetings } from '../records/join-client.ts'
import type { Membership } from '../records/membership.ts'

const CONNECT_TIMEOUT_MS = 10_000
const JOIN_TIMEOUT_MS = 20_000
/** Waits between attempts double between these. */
const DELAY_MS = 500
const DELAY_MS_MAX = 60_000
/** While we look for a space: two fresh nodes that point at each other agree within a few rounds. */
const SEEK_MS = 1_000
/** Later the connection is only looked after. */
const CHECK_MS = 5 * 60_000

/** What bootstrapping works with. */
export interface BootstrapParts {
  network: Network
  membership: Membership
  clock: Clock
  random: Random
  log: Logger
}

/** Whom to reach, and whether to enter their space. */
export interface BootstrapOptions {
  addresses: readonly Address[]
  /** Whether this node is alone and has shared nothing, so that it may go over to another space by itself. */
  mayJoin: () => boolean
}

/**
 * Reaches the configured peers, each by itself and without end, and enters the open space of the first that
 * has one. Works in the background; a node is ready without it.
 */
export class Bootstrap {
  readonly #parts: BootstrapParts
  readonly #options: BootstrapOptions
  readonly #stopping = new AbortController()
  #loops: Promise<void>[] = []
  readonly #reached = new Set<PeerId>()
  /** Peers of which it was said that they are in another space. */
  readonly #strange = new Set<PeerId>()
  /** One round of asking at a time. */
  #joining: Promise<void> = Promise.resolve()

  constructor(parts: BootstrapParts, options: BootstrapOptions) {
    this.#parts = parts
    this.#options = options
  }

  start(): void {
    this.#loops = this.#options.addresses.map((address) => this.#follow(address))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled(this.#loops)
  }

  async #follow(address: Address): Promise<void> {
    const { clock, random, log } = this.#parts
    const { signal } = this.#stopping
    let delayMs = DELAY_MS
    while (!signal.aborted) {
      const reached = await this.#reach(address)
      if (!reached) delayMs = Math.min(delayMs * 2, DELAY_MS_MAX)
      else delayMs = this.#options.mayJoin() ? Math.min(Math.max(delayMs, SEEK_MS) * 1.5, CHECK_MS) : CHECK_MS
      const waitMs = delayMs / 2 + (random.fraction() * delayMs) / 2
      await clock.sleep(waitMs, signal).catch(() => log.debug('bootstrap ends'))
    }
  }

  async #reach(address: Address): Promise<boolean> {
    const { network, log } = this.#parts
    const { signal } = this.#stopping
    try {
      const peer = await network.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS, signal })
      await network.keepConnected({ peer, addresses: [address] })
      this.#reached.add(peer)
      this.#joining = this.#joining.then(() => this.#join())
      await this.#joining
      return true
    } catch (error) {
      if (!signal.aborted)
        log.info('bootstrap peer not reached', { address, code: toKizunaError(error).code })
      return false
    }
  }

  async #join(): Promise<void> {
    const { membership, clock, log } = this.#parts
    const signal = clock.deadline(JOIN_TIMEOUT_MS, this.#stopping.signal)
    try {
      if (!this.#options.mayJoin()) return await this.#noteStrangers(signal)
      const space = await membership.joinOpenSpaceOf([...this.#reached], { signal })
      if (space !== undefined) log.info('space joined', { space: space.id })
    } catch (error) {
      if (!this.#stopping.signal.aborted) log.info('no space joined', { code: toKizunaError(error).code })
    }
  }

  /**
   * Two spaces never merge, and a node that has one stays in it. Whoever configured such a peer expects otherwise, and is
   * told, once for each.
   */
  async #noteStrangers(signal: AbortSignal): Promise<void> {
    const { network, membership, log } = this.#parts
    const own = membership.space().id
    const unknown = [...this.#reached].filter(
      (peer) => !membership.isMember(peer) && !this.#strange.has(peer),
    )
    for (const { peer, greeting } of await askGreetings(network, unknown, signal)) {
      // One that is alone may still come to us.
      if (greeting.space === own || greeting.members === 1) continue
      this.#strange.add(peer)
      const { code, hint } = new OtherSpaceError({ peer })
      log.warn('bootstrap peer is in another space', { peer, space: greeting.space, code, hint })
    }
  }
}
