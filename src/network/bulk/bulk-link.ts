import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../core/clock.ts'
import { StreamEndedError } from '../frame-stream.ts'
import { PaceWatch } from '../pace-watch.ts'
import { BULK_HEADER_BYTES, type BulkFrameReader, type BulkMark, encodeBulkHeader } from './bulk-frame.ts'
import { TakingWatch } from './taking-watch.ts'

const NOTHING = new Uint8Array(0)

/** A direct connection: a TLS session that carries frames and nothing else. */
export class BulkLink {
  readonly #socket: TLSSocket
  readonly #reader: BulkFrameReader
  readonly #pace: PaceWatch
  readonly #taking: TakingWatch
  readonly #ended = new AbortController()
  #receivedBytes = 0
  #waitingBytes = 0
  #takenBytes = 0
  #gathering = false

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

  /**
   * Sends a frame; resolves when the bytes were handed to the system and the buffer may be used again, no sooner than
   * the other end takes them.
   * @throws StreamEndedError
   */
  send(id: number, mark: BulkMark, bytes: Uint8Array = NOTHING): Promise<void> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      if (this.ended.aborted) {
        reject(new StreamEndedError('closed to writing', { cause: this.ended.reason }))
        return
      }
      const size = BULK_HEADER_BYTES + bytes.byteLength
      this.#waitingBytes += size
      const written = (cause?: Error | null) => {
        this.#waitingBytes -= size
        this.#takenBytes += size
        if (cause == null) resolve()
        else reject(new StreamEndedError('closed to writing', { cause }))
      }
      const header = encodeBulkHeader({ id, mark, sizeBytes: bytes.byteLength })
      this.#gather()
      if (bytes.byteLength === 0) socket.write(header, written)
      else {
        socket.write(header)
        socket.write(bytes, written)
      }
    })
  }

  /** What is sent within one turn of the loop leaves in one call of the system: headers are short, calls are dear. */
  #gather(): void {
    if (this.#gathering) return
    this.#gathering = true
    this.#socket.cork()
    setImmediate(() => {
      this.#gathering = false
      this.#socket.uncork()
    })
  }

  /** Ends it at once; what was not sent is lost. May be called again. */
  close(reason: Error): void {
    if (this.ended.aborted) return
    this.#pace.stop()
    this.#taking.stop()
    this.#ended.abort(reason)
    this.#socket.destroy()
  }
}
