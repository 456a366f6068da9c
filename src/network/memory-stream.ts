import type { KizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'
import { ConnectionLostError } from './errors.ts'
import type { PeerPath } from './network.ts'

/** Frames underway and unread in one direction of one request; a writer waits beyond that. */
export const FRAMES_BUFFERED_MAX = 16

type Item = { frame: Uint8Array } | { end: true } | { error: KizunaError }

/** Sends something of `sizeBytes` to the other end and calls `deliver` there, or never. */
export type Send = (sizeBytes: number, deliver: () => void) => void

/** One direction of a request: frames in order, no more underway than the buffer, then an end or an error. */
export class FramePipe {
  readonly #send: Send
  readonly #underway: { item: Item; arrived: boolean }[] = []
  readonly #ready: Item[] = []
  #unread = 0
  #cancelled = false
  #writerGone = false
  #failure: Error | undefined
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  constructor(send: Send) {
    this.#send = send
  }

  /** Frames written and not yet read. */
  get buffered(): number {
    return this.#unread
  }

  /** Waits for room. False when the reader is gone: stop writing. */
  async write(frame: Uint8Array): Promise<boolean> {
    while (this.#unread >= FRAMES_BUFFERED_MAX && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve
      })
    }
    if (this.#closed) return false
    this.#unread++
    // A copy: the two ends are different machines, and the writer may use its buffer again.
    this.#push({ frame: Uint8Array.from(frame) }, frame.byteLength)
    return true
  }

  /** No more frames; with `error`, the reader gets that after the frames written before. */
  end(error?: KizunaError): void {
    if (!this.#closed) this.#push(error === undefined ? { end: true } : { error }, 0)
  }

  /** The next frame, or undefined at the end. @throws what ended the pipe instead */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#cancelled) return undefined
      const item = this.#ready[0]
      if (item !== undefined) {
        // An end stays, so that every later read sees it again.
        if ('end' in item) return undefined
        if ('error' in item) throw item.error
        this.#ready.shift()
        this.#unread--
        this.#wakeWriter?.()
        return item.frame
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
  }

  /** The pipe broke: the reader gets `error` at once, the writer is told to stop. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }

  /** The writer gives up without an end; the reader is not told. */
  stopWriting(): void {
    this.#writerGone = true
    this.#wake()
  }

  /** The reader wants no more. */
  cancel(): void {
    this.#cancelled = true
    this.#wake()
  }

  get #closed(): boolean {
    return this.#cancelled || this.#writerGone || this.#failure !== undefined
  }

  #push(item: Item, sizeBytes: number): void {
    const entry = { item, arrived: false }
    this.#underway.push(entry)
    this.#send(sizeBytes, () => {
      entry.arrived = true
      while (this.#underway[0]?.arrived === true) {
        this.#ready.push((this.#underway.shift() as { item: Item }).item)
      }
      this.#wakeReader?.()
    })
  }

  #wake(): void {
    this.#wakeReader?.()
    this.#wakeWriter?.()
  }
}

/** One request between two peers: a pipe each way, and a signal that tells the answering end to stop. */
export class MemoryStream {
  readonly protocol: string
  readonly asker: PeerId
  /** Frames of the request. */
  readonly up: FramePipe
  /** Frames of the answer. */
  readonly down: FramePipe
  /** Set when the handler has ended. */
  answered = false
  readonly #stopAnswering = new AbortController()

  constructor(options: { protocol: string; asker: PeerId; sendUp: Send; sendDown: Send }) {
    this.protocol = options.protocol
    this.asker = options.asker
    this.up = new FramePipe(options.sendUp)
    this.down = new FramePipe(options.sendDown)
  }

  /** For the handler: aborts when nobody waits for the answer any more. */
  get answerSignal(): AbortSignal {
    return this.#stopAnswering.signal
  }

  /** The answering end learns that it should stop. */
  stopAnswering(reason: Error): void {
    this.up.fail(reason)
    this.down.stopWriting()
    this.#stopAnswering.abort(reason)
  }

  /** Breaks at both ends at once. */
  break(error: Error): void {
    this.down.fail(error)
    this.stopAnswering(error)
  }
}

/** A connection between two peers, shared by all requests between them. */
export class MemoryConnection {
  /** The dialler, the peers that relay, the dialled. */
  readonly hops: readonly PeerId[]
  readonly connectedAt: number
  readonly streams = new Set<MemoryStream>()
  #open = true

  constructor(options: { hops: readonly PeerId[]; connectedAt: number }) {
    this.hops = options.hops
    this.connectedAt = options.connectedAt
  }

  get isOpen(): boolean {
    return this.#open
  }

  get path(): PeerPath {
    return this.hops.length > 2 ? 'relayed' : 'direct'
  }

  get dialler(): PeerId {
    return this.hops[0] as PeerId
  }

  get dialled(): PeerId {
    return this.hops.at(-1) as PeerId
  }

  /** The peer at the other end. */
  other(self: PeerId): PeerId {
    return self === this.dialler ? this.dialled : this.dialler
  }

  /** The hops from `self` to the other end. */
  hopsFrom(self: PeerId): readonly PeerId[] {
    return self === this.dialler ? this.hops : this.hops.toReversed()
  }

  /** Every request on it breaks. False when it was closed already. */
  close(): boolean {
    if (!this.#open) return false
    this.#open = false
    for (const stream of this.streams) {
      stream.break(new ConnectionLostError({ peer: this.other(stream.asker), protocol: stream.protocol }))
    }
    this.streams.clear()
    return true
  }
}
