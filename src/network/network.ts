import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'

/** A multiaddress in text form, such as `/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…`. */
export type Address = string

/** How bytes reach a peer. */
export type PeerPath = 'direct' | 'relayed'

/** A peer we hold a connection to. */
export interface ConnectedPeer {
  peer: PeerId
  /** The address of the connection in use. */
  address: Address
  path: PeerPath
  direction: 'inbound' | 'outbound'
  /** Round trip in milliseconds, when it was measured. */
  latencyMs: number | undefined
  /** `clock.now()` when the connection opened. */
  connectedAt: number
}

/** A peer and where it may be reached. */
export interface PeerAddresses {
  peer: PeerId
  addresses: Address[]
}

/** How long a call may take, and how to end it early. */
export interface CallOptions {
  signal?: AbortSignal
  /**
   * The call ends with a `DeadlineError` when this much time passed. For a request the time counts anew with every
   * frame that moves, and rests while the reader is busy with one: a long answer may take as long as it moves.
   * @default 10_000
   */
  timeoutMs?: number
  /**
   * Many bytes are expected: they may come another way, and each frame is good only until the next is asked for.
   * What follows the first frame of the answer may be cut otherwise than it was sent.
   * @default false
   */
  bulk?: boolean
  /**
   * With `bulk`: where the next bytes of the answer may be put, so that nobody needs to copy them; asked in their order,
   * before they come, with the answer's first frame. What comes another way is put elsewhere, so the reader looks
   * where a frame lies. Memory that was given may be written to until the answer has come to its end; when the call ends
   * before, nobody may use it again for something else.
   */
  place?: (sizeBytes: number, first: Uint8Array) => Uint8Array | undefined
}

/** The deadline of a call that names none. */
export const CALL_TIMEOUT_MS_DEFAULT = 10_000

/** What a handler knows about a request besides its frames. */
export interface RequestContext {
  /** Proven by the secure channel. */
  from: PeerId
  path: PeerPath
  /** Aborts when the asker gave up, the connection died or the deadline passed. */
  signal: AbortSignal
  /**
   * What an answer yields may be so long at once; it travels in frames all the same. What was yielded may change again
   * when the next is asked for. @default FRAME_BYTES_MAX
   */
  pieceBytesMax?: number
}

/**
 * Answers one request. Frames of the request come in order; those of the answer are sent as they are yielded,
 * no faster than the asker reads. Throw a `KizunaError` to refuse: it reaches the asker as that error.
 */
export type RequestHandler = (
  request: AsyncIterable<Uint8Array>,
  context: RequestContext,
) => AsyncIterable<Uint8Array>

export type PeerListener = (event: { kind: 'connected' | 'disconnected'; peer: PeerId }) => void

/** Who said it is the secure channel's business and checked; what it said is the listener's to check. */
export type MessageListener = (bytes: Uint8Array, from: PeerId) => void

/**
 * The seam to other machines: libp2p in life, memory in the simulator; both pass `network.suite.ts`.
 *
 * A request is some frames one way and some frames back on a kept stream. A frame is at most
 * `FRAME_BYTES_MAX` bytes. Every call ends by its deadline, with a typed error when it fails:
 * `PeerUnreachableError`, `DeadlineError`, `RequestRefusedError` (the peer has no such protocol),
 * `ConnectionLostError` (broken before the last frame), or the `KizunaError` the peer's handler threw.
 */
export interface Network {
  readonly peerId: PeerId
  start(): Promise<void>
  /** Closes every connection; ends within 3 s. */
  stop(): Promise<void>

  /** Our own addresses as others can dial them, relay addresses included; each ends in `/p2p/<our id>`. */
  addresses(): Address[]
  connectedPeers(): ConnectedPeer[]
  isConnected(peer: PeerId): boolean
  /** Calls `listener` on every change from now on; returns how to stop. */
  onPeer(listener: PeerListener): () => void

  /** Connects to an address, or to a known peer by any path that works; resolves at once when connected. */
  connect(target: Address | PeerId, options?: CallOptions): Promise<PeerId>
  /** Remembers where a peer may be reached, across restarts. */
  remember(peer: PeerAddresses): Promise<void>
  /** Peers remembered, with their addresses, at most `limit`. */
  remembered(limit: number): Promise<PeerAddresses[]>
  disconnect(peer: PeerId): Promise<void>
  /** Keeps this peer connected, redialling without end; may be called again. */
  keepConnected(peer: PeerAddresses): Promise<void>

  /** Sends `request` and yields the frames of the answer as they come. Stopping early stops the peer. */
  request(
    peer: PeerId,
    protocol: string,
    request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): AsyncIterable<Uint8Array>
  /** One handler per protocol; a second one is refused with `ProtocolTakenError`. Returns how to take it away. */
  handle(protocol: string, handler: RequestHandler): () => void

  /** Says on the DHT that we have these ids; batched by key region. Ends by its deadline even with no peers. */
  provide(ids: Iterable<ContentId>, options?: CallOptions): Promise<void>
  /** Peers that said on the DHT that they have this id, as they are found, each once, at most `limit`. */
  findProviders(id: ContentId, options: CallOptions & { limit: number }): AsyncIterable<PeerAddresses>
  /** Where a peer is now; undefined when nobody knows. */
  findPeer(peer: PeerId, options?: CallOptions): Promise<PeerAddresses | undefined>

  /** Spreads a small message (at most 16 KiB) to those who listen. Only ever an accelerator: it may be lost. */
  broadcast(topic: string, bytes: Uint8Array): Promise<void>
  /** Hears messages on a topic; returns how to stop. */
  listen(topic: string, listener: MessageListener): () => void
}

/** One frame of a broadcast. */
export const BROADCAST_BYTES_MAX = 16 * 1024
