import type { Connection, Stream } from '@libp2p/interface'
import type { Clock, Timer } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import type { HeldMemory, MemoryHolder } from './held-memory.ts'

/**
 * Bytes that may come on a stream before it is known what it is for: names, and the first window of somebody who
 * sends on without waiting. libp2p would keep 4 MiB of each.
 */
export const NEGOTIATION_BYTES_MAX = 512 * 1024
/** Streams of all peers that still negotiate. It takes the time of a message to and fro; libp2p gives it up after 10 s. */
export const NEGOTIATIONS_MAX = 1_024
/** Those whose negotiation has ended are looked for this often. */
const SWEEP_MS = 1_000

/** The part of libp2p that we reach into, which its interfaces leave out. */
interface Opened {
  muxer?: { addEventListener(type: 'stream', listen: (event: { detail: Stream }) => void): void }
}
interface Incoming {
  onData?: (data: { byteLength: number }) => void
  listenerCount(type: 'message'): number
}

/**
 * Streams that peers have opened and that no handler has taken yet: libp2p holds what comes on them, however much, for
 * as long as the negotiation lasts. They count as memory held for the peer, and their number has a limit.
 */
export class StreamNegotiations {
  readonly #parts: { clock: Clock; memory: HeldMemory }
  readonly #underWay = new Set<Negotiation>()
  #sweep: Timer | undefined

  constructor(parts: { clock: Clock; memory: HeldMemory }) {
    this.#parts = parts
  }

  /** Streams that negotiate now. */
  get count(): number {
    return this.#underWay.size
  }

  /** To be told of each connection in the moment it opens, before its first stream is handed on. */
  watch(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const { muxer } = connection as unknown as Opened
    muxer?.addEventListener('stream', ({ detail }) => this.#begin(detail, peer))
  }

  #begin(stream: Stream, peer: string): void {
    if (stream.status !== 'open') return
    const negotiation = new Negotiation(stream, peer)
    if (negotiation.isOver) return
    this.#underWay.add(negotiation)
    this.#parts.memory.add(negotiation)
    stream.addEventListener('close', () => this.#end(negotiation), { once: true })
    this.#sweep ??= this.#parts.clock.after(SWEEP_MS, () => this.#sweepUp())
    if (this.#underWay.size > NEGOTIATIONS_MAX) this.#makeRoom()
  }

  #end(negotiation: Negotiation): void {
    if (!this.#underWay.delete(negotiation)) return
    negotiation.end()
    this.#parts.memory.remove(negotiation)
  }

  #sweepUp(): void {
    for (const negotiation of this.#underWay) if (negotiation.isOver) this.#end(negotiation)
    const again = () => this.#parts.clock.after(SWEEP_MS, () => this.#sweepUp())
    this.#sweep = this.#underWay.size > 0 ? again() : undefined
  }

  /** The oldest of the peer that has most: whoever opens streams and says nothing takes no place of others. */
  #makeRoom(): void {
    for (const negotiation of this.#underWay) if (negotiation.isOver) this.#end(negotiation)
    if (this.#underWay.size <= NEGOTIATIONS_MAX) return
    const ofPeers = new Map<string, Negotiation[]>()
    for (const negotiation of this.#underWay) {
      const ofPeer = ofPeers.get(negotiation.peer)
      if (ofPeer === undefined) ofPeers.set(negotiation.peer, [negotiation])
      else ofPeer.push(negotiation)
    }
    const [most] = [...ofPeers.values()].toSorted((a, b) => b.length - a.length)
    most?.[0]?.reset(
      new LimitExceededError({ what: 'The number of streams that negotiate', limit: NEGOTIATIONS_MAX }),
    )
  }
}

/** One stream until a handler takes it. */
class Negotiation implements MemoryHolder {
  readonly peer: string
  readonly #stream: Stream
  readonly #onData: Incoming['onData']
  #receivedBytes = 0

  constructor(stream: Stream, peer: string) {
    this.peer = peer
    this.#stream = stream
    const incoming = stream as unknown as Incoming
    const { onData } = incoming
    if (typeof onData !== 'function') return
    this.#onData = onData
    // Whoever listens to messages here would take them from the handler that comes later.
    incoming.onData = (data) => {
      if (this.isOver) this.end()
      else this.#receivedBytes += data.byteLength
      onData.call(incoming, data)
      if (this.heldBytes > NEGOTIATION_BYTES_MAX) {
        this.reset(
          new LimitExceededError({ what: 'What comes before a protocol', limit: NEGOTIATION_BYTES_MAX }),
        )
      }
    }
  }

  /** Whether a handler listens, or nobody ever will. */
  get isOver(): boolean {
    const { status, protocol } = this.#stream
    const isTaken = protocol !== '' && (this.#stream as unknown as Incoming).listenerCount('message') > 0
    return isTaken || status !== 'open'
  }

  /** Until the protocol is known nobody says what was read of it: all that came may still be there. */
  get heldBytes(): number {
    if (this.isOver) return 0
    return this.#stream.protocol === '' ? this.#receivedBytes : this.#stream.readBufferLength
  }

  get movedBytes(): number {
    return this.#receivedBytes
  }

  reset(reason: Error): void {
    this.#stream.abort(reason)
  }

  /** Counts no more. */
  end(): void {
    if (this.#onData !== undefined) (this.#stream as unknown as Incoming).onData = this.#onData
  }
}
