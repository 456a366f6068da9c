import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import { reachOf, sortByReach } from './peer-address.ts'

/** Addresses of one peer that are tried in one dial. */
export const ADDRESSES_PER_DIAL_MAX = 16
/** The next address is tried this long after the one before, unless that failed earlier (RFC 8305 asks for 250). */
const STAGGER_MS = 250
/** Ways through relays wait this long, so that a direct one wins when there is one. */
const RELAY_DELAY_MS = 600
/** One address; a router that drops packets must not use up the whole call. */
const ADDRESS_TIMEOUT_MS = 5_000

/** The part of libp2p's transport manager that is used; it passes the gate, encrypts, checks the peer id. */
export interface Transports {
  dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>
}

/**
 * Dials all addresses of one peer, overlapping, and takes the first connection: dead addresses, such as those of
 * somebody else's home network, cost a quarter of a second instead of a time-out each.
 * @throws AggregateError with every address's failure, or the signal's reason.
 */
export async function dialFirst(
  parts: { transports: Transports; clock: Clock },
  addresses: readonly Multiaddr[],
  signal: AbortSignal,
): Promise<Connection> {
  const { transports, clock } = parts
  const order = sortByReach(addresses).slice(0, ADDRESSES_PER_DIAL_MAX)
  const running = new Set<AbortController>()
  const failures: unknown[] = []
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  let isDecided = false
  let started = 0
  let timer = clock.after(0, () => {})

  const dial = (address: Multiaddr) => {
    const attempt = new AbortController()
    running.add(attempt)
    const limit = clock.after(ADDRESS_TIMEOUT_MS, () => attempt.abort(new Error('no answer in time')))
    transports.dial(address, { signal: attempt.signal }).then(
      (connection) => {
        limit.stop()
        running.delete(attempt)
        isDecided = true
        resolve(connection)
      },
      (error) => {
        limit.stop()
        running.delete(attempt)
        failures.push(error)
        if (failures.length === order.length) reject(new AggregateError(failures, 'no address works'))
        else if (started < order.length && failures.length === started) startNext()
      },
    )
  }
  const startNext = () => {
    timer.stop()
    const address = order[started]
    if (address === undefined || isDecided || signal.aborted) return
    started++
    dial(address)
    const next = order[started]
    if (next === undefined) return
    const isFirstRelay = reachOf(next) === 2 && reachOf(address) !== 2
    timer = clock.after(isFirstRelay ? RELAY_DELAY_MS : STAGGER_MS, startNext)
  }
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    if (order.length === 0) throw new AggregateError([], 'no address is known')
    startNext()
    return await promise
  } finally {
    isDecided = true
    timer.stop()
    for (const loser of running) loser.abort(new Error('the dial is over'))
    signal.removeEventListener('abort', stop)
  }
}
