import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../core/clock.ts'
import { FRAME_BYTES_MAX } from '../../core/limits.ts'
import { StreamEndedError } from '../frame-stream.ts'
import { PaceWatch } from '../pace-watch.ts'
import {
  BULK_FRAME_BYTES_MAX,
  BULK_HEADER_BYTES,
  type BulkFrameReader,
  type BulkMark,
  encodeBulkHeader,
} from './bulk-frame.ts'
import { TakingWatch } from './taking-watch.ts'

const NOTHING = new Uint8Array(0)
/** Content that is put behind its header and others: copying so little is cheaper than another call. */
const GATHERED_BYTES_MAX = 4 * 1024
/** Such frames that leave together. */
const GATHERED_FRAMES_MAX = 64
/** A frame shall be taken within this, since others wait behind it. */
const FRAME_MS = 20
/** After so many bytes without one that took longer, frames may be twice as long. */
const IN_TIME_BYTES = 1024 * 1024

/** A frame that waits to be written. */
interface Waiting {
  header: Buffer
  bytes: Uint8Array
  resolve: () => void
  reject: (error: Error) => void
}

/** A direct connection: a TLS session that carries frames and nothing else. */
export class BulkLink {
  readonly #socket: TLSSocket
  readonly #reader: BulkFrameReader
  readonly #clock: Clock
  readonly #pace: PaceWatch
  readonly #taking: TakingWatch
  readonly #ended = new AbortController()
  readonly #waiting: Waiting[] = []
  #receivedBytes = 0
  #waitingBytes = 0
  #takenBytes = 0
  #isWriting = false
  #inTimeBytes = 0
  #frameBytesMax = FRAME_BYTES_MAX

  /**
   * @param parts the socket after its handshake; whoever feeds `reader` reports to `received`; `owes` says how
   * many messages are awaited; `onSlow` hears when it is closed for slowness.
   */
  constructor(parts: {
    socket: TLSSocket
    reader: BulkFrameReader
    clock: Clock
    owes?: () => number
    onSlow?: () => void
  }) {
    const { socket, reader, clock, owes = () => 0, onSlow = () => {} } = parts
    this.#socket = socket
    this.#reader = reader
    this.#clock = clock
    socket.on('error', (error) => this.close(error))
    // All that a server's socket says of a bad record that comes late.
    socket.on('_tlsError', (error) => this.close(error))
    // An end of TCP without TLS's own looks the same; only frames say that something is whole.
    socket.on('end', () => this.close(new StreamEndedError('the other end left')))
    socket.on('close', () => this.close(new StreamEndedError('closed')))
    const tooSlow = () => {
      onSlow()
      this.close(new StreamEndedError('too slow'))
    }
    this.#pace = new PaceWatch(clock, {
      received: () => this.#receivedBytes,
      owes: () => Math.max(Number(this.#reader.isMidFrame), owes()),
      onTooSlow: tooSlow,
    })
    this.#taking = new TakingWatch(clock, {
      taken: () => this.#takenBytes,
      waiting: () => this.#waitingBytes > 0,
      onTooSlow: tooSlow,
    })
    if (socket.destroyed) this.close(new StreamEndedError('closed'))
  }

  /** Aborts with the reason when nothing can be sent or come any more. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Bytes came and were given to the reader. */
  received(count: number): void {
    this.#receivedBytes += count
  }

  /** How long a frame may be now, in whole KiB by 64: about what the line takes in 20 ms. */
  get frameBytesMax(): number {
    return this.#frameBytesMax
  }

  /**
   * Sends a frame; resolves when the bytes were handed to the system and the buffer may be used again, no sooner than
   * the other end takes them.
   * @throws StreamEndedError
   */
  send(id: number, mark: BulkMark, bytes: Uint8Array = NOTHING): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.ended.aborted) {
        reject(new StreamEndedError('closed to writing', { cause: this.ended.reason }))
        return
      }
      this.#waitingBytes += BULK_HEADER_BYTES + bytes.byteLength
      const header = encodeBulkHeader({ id, mark, sizeBytes: bytes.byteLength })
      this.#waiting.push({ header, bytes, resolve, reject })
      if (this.#isWriting) return
      this.#isWriting = true
      // What is sent within one turn of the loop leaves together.
      setImmediate(() => this.#write())
    })
  }

  /**
   * Writes short frames together, and the long one behind them by itself: Node would copy what it is given at once
   * into fresh memory before it encrypts it.
   */
  #write(): void {
    const gathered: Buffer[] = []
    const frames: Waiting[] = []
    let long: Uint8Array = NOTHING
    while (long === NOTHING && frames.length < GATHERED_FRAMES_MAX) {
      const frame = this.#waiting.shift()
      if (frame === undefined) break
      frames.push(frame)
      gathered.push(frame.header)
      if (frame.bytes.byteLength > GATHERED_BYTES_MAX) long = frame.bytes
      else if (frame.bytes.byteLength > 0) gathered.push(Buffer.from(frame.bytes))
    }
    this.#isWriting = frames.length > 0
    if (!this.#isWriting) return
    const startedAt = this.#clock.monotonic()
    const written = (cause?: Error | null) => {
      this.#noteTaken(frames, cause)
      if (long !== NOTHING && cause == null) this.#notePace(long.byteLength, startedAt)
      this.#write()
    }
    if (long === NOTHING) this.#socket.write(Buffer.concat(gathered), written)
    else {
      this.#socket.write(Buffer.concat(gathered))
      this.#socket.write(long, written)
    }
  }

  #noteTaken(frames: readonly Waiting[], cause: Error | null | undefined): void {
    for (const { bytes, resolve, reject } of frames) {
      const size = BULK_HEADER_BYTES + bytes.byteLength
      this.#waitingBytes -= size
      this.#takenBytes += size
      if (cause == null) resolve()
      else reject(new StreamEndedError('closed to writing', { cause }))
    }
  }

  #notePace(sizeBytes: number, startedAt: number): void {
    const tookMs = this.#clock.monotonic() - startedAt
    this.#inTimeBytes += sizeBytes
    if (tookMs > FRAME_MS) {
      const inTime = Math.floor((sizeBytes * FRAME_MS) / tookMs / FRAME_BYTES_MAX) * FRAME_BYTES_MAX
      this.#frameBytesMax = Math.max(inTime, FRAME_BYTES_MAX)
    } else if (this.#inTimeBytes >= IN_TIME_BYTES)
      this.#frameBytesMax = Math.min(2 * this.#frameBytesMax, BULK_FRAME_BYTES_MAX)
    else return
    this.#inTimeBytes = 0
  }

  /** Ends it at once; what was not sent is lost. May be called again. */
  close(reason: Error): void {
    if (this.ended.aborted) return
    this.#pace.stop()
    this.#taking.stop()
    this.#ended.abort(reason)
    this.#socket.destroy()
    this.#noteTaken(this.#waiting.splice(0), reason)
  }
}
