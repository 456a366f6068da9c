import type { Clock } from '../core/clock.ts'
import { DeadlineError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Bandwidth } from './bandwidth.ts'
import { PeerSuspendedError, RateLimitedError } from './errors.ts'
import type { Network, RequestHandler } from './network.ts'
import { NetworkCall } from './network-call.ts'
import type { RateLimits } from './rate-limits.ts'
import type { Reputation } from './reputation.ts'

/** What stands between a network and its users. */
export interface NetworkGuards {
  reputation: Reputation
  limits: RateLimits
  bandwidth: Bandwidth
  clock: Clock
  metrics: Metrics
  log: Logger
}

type Pace = (sizeBytes: number) => Promise<void> | undefined

/**
 * A network with a door-keeper: suspended peers are neither answered nor asked, each peer asks only as often as
 * it may, bytes keep to the bandwidth limits, and peers that flood us or let deadlines pass lose reputation.
 */
export function createGuardedNetwork(inner: Network, guards: NetworkGuards): Network {
  const { reputation, limits, bandwidth, clock, metrics, log } = guards
  const self = inner.peerId

  reputation.onSuspended((peer) => {
    inner.disconnect(peer).catch((error) => log.warn('suspended peer not disconnected', { peer, error }))
  })

  const refuse = (peer: PeerId, reason: 'suspended' | 'rate') => {
    metrics.count('kizuna_network_refusals_total', { reason })
    if (limits.isSpam(peer)) reputation.report(peer, 'spam')
  }

  /** Lets a peer in, or throws what it gets to hear. */
  const admit = (peer: PeerId) => {
    if (reputation.isSuspended(peer)) {
      refuse(peer, 'suspended')
      throw new PeerSuspendedError({ peer, by: self, retryAfterMs: reputation.suspendedForMs(peer) })
    }
    const retryAfterMs = limits.beginRequest(peer)
    if (retryAfterMs === 0) return
    refuse(peer, 'rate')
    throw new RateLimitedError({ what: 'requests', retryAfterMs })
  }

  const guardHandler = (handler: RequestHandler): RequestHandler =>
    async function* (request, context) {
      const { from, signal } = context
      const receive: Pace = (sizeBytes) => {
        metrics.count('kizuna_network_bytes_total', { direction: 'in' }, sizeBytes)
        const wait = limits.takeBytes(from, sizeBytes, signal)
        if (wait === undefined) return bandwidth.download(from, sizeBytes, signal)
        return wait.then(() => bandwidth.download(from, sizeBytes, signal))
      }
      const send: Pace = (sizeBytes) => {
        metrics.count('kizuna_network_bytes_total', { direction: 'out' }, sizeBytes)
        return bandwidth.upload(from, sizeBytes, signal)
      }
      admit(from)
      try {
        yield* paced(handler(paced(request, receive), context), send)
      } finally {
        limits.endRequest(from)
      }
    }

  return {
    peerId: self,
    start: () => inner.start(),
    stop: () => inner.stop(),
    addresses: () => inner.addresses(),
    connectedPeers: () => inner.connectedPeers(),
    isConnected: (peer) => inner.isConnected(peer),
    onPeer: (listener) => inner.onPeer(listener),
    connect: (target, options) => inner.connect(target, options),
    remember: (peer) => inner.remember(peer),
    remembered: (limit) => inner.remembered(limit),
    disconnect: (peer) => inner.disconnect(peer),
    keepConnected: (peer) => inner.keepConnected(peer),
    provide: (ids, options) => inner.provide(ids, options),
    findProviders: (id, options) => inner.findProviders(id, options),
    findPeer: (peer, options) => inner.findPeer(peer, options),
    broadcast: (topic, bytes) => inner.broadcast(topic, bytes),
    handle: (protocol, handler) => inner.handle(protocol, guardHandler(handler)),

    async *request(peer, protocol, request, options = {}) {
      if (reputation.isSuspended(peer)) {
        throw new PeerSuspendedError({ peer, by: self, retryAfterMs: reputation.suspendedForMs(peer) })
      }
      const call = new NetworkCall(clock, `The request ${protocol} to ${peer}`, options)
      const time = new CallTime(clock)
      const send: Pace = (sizeBytes) => {
        metrics.count('kizuna_network_bytes_total', { direction: 'out' }, sizeBytes)
        return time.ours(bandwidth.upload(peer, sizeBytes, call.signal))
      }
      const receive: Pace = (sizeBytes) => {
        metrics.count('kizuna_network_bytes_total', { direction: 'in' }, sizeBytes)
        return time.ours(bandwidth.download(peer, sizeBytes, call.signal))
      }
      try {
        const answer = inner.request(peer, protocol, pacedRequest(request, send), options)
        for await (const frame of paced(answer, receive)) {
          time.peerWaits()
          call.rest()
          yield frame
          call.progress()
          time.peerIsAwaited()
        }
      } catch (error) {
        if (error instanceof DeadlineError && time.isPeersFault(call.timeoutMs))
          reputation.report(peer, 'timeout')
        throw error
      } finally {
        call.end()
      }
    },

    listen: (topic, listener) =>
      inner.listen(topic, (bytes, from) => {
        if (reputation.isSuspended(from)) refuse(from, 'suspended')
        else if (limits.takeMessage(from)) listener(bytes, from)
        else refuse(from, 'rate')
      }),
  }
}

/** Knows who used a call's time up. */
class CallTime {
  readonly #clock: Clock
  /** Since when the peer alone has held up the call; undefined while we do, or the reader. */
  #awaitedSince: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#awaitedSince = clock.monotonic()
  }

  /** A deadline that we used up ourselves is not the peer's fault. */
  isPeersFault(timeoutMs: number): boolean {
    const since = this.#awaitedSince
    return since !== undefined && this.#clock.monotonic() - since >= timeoutMs / 2
  }

  peerIsAwaited(): void {
    this.#awaitedSince = this.#clock.monotonic()
  }

  peerWaits(): void {
    this.#awaitedSince = undefined
  }

  ours(wait: Promise<void> | undefined): Promise<void> | undefined {
    if (wait === undefined) return undefined
    this.peerWaits()
    return wait.then(() => this.peerIsAwaited())
  }
}

/** A request that is one frame and may go at once, as most are, goes as it is. */
function pacedRequest(
  frames: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  pace: Pace,
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  const [only] = Array.isArray(frames) && frames.length === 1 ? (frames as Uint8Array[]) : []
  if (only === undefined) return paced(frames, pace)
  const wait = pace(only.byteLength)
  return wait === undefined ? frames : afterwards(only, wait)
}

async function* afterwards(frame: Uint8Array, wait: Promise<void>): AsyncGenerator<Uint8Array> {
  await wait
  yield frame
}

/** The same frames, each when `pace` lets it pass. */
async function* paced(
  frames: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  pace: Pace,
): AsyncGenerator<Uint8Array> {
  for await (const frame of frames) {
    const wait = pace(frame.byteLength)
    if (wait !== undefined) await wait
    yield frame
  }
}
