import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'

/** A message of the DHT: 20 peers with all their addresses have a third of it. The library itself would take 4 MiB. */
export const KAD_MESSAGE_BYTES_MAX = 64 * 1024
/** One that may carry a value; we neither put nor ask for any. */
export const KAD_VALUE_BYTES_MAX = 8 * 1024
const VARINT_BYTES_MAX = 4
/** How a message begins that says first of what kind it is, and the first kind that carries no value. */
const TYPE_FIELD = 0x08
const FIRST_WITHOUT_VALUE = 2

/** The parts of a host that the DHT gets its streams from. */
interface Components {
  registrar: object
  connectionManager: object
}

type Handler = (stream: Stream, ...rest: unknown[]) => unknown

/** The same DHT, whose streams end when a message begins that is too long, before memory is taken for it. */
export function withMessageLimit<Parts extends Components, Dht>(
  make: (components: Parts) => Dht,
  onTooLong: () => void,
): (components: Parts) => Dht {
  const watch = (stream: Stream) => limitMessages(stream, onTooLong)
  return (components) =>
    make(
      instead(components, {
        registrar: instead(components.registrar, {
          handle: (protocol: string, handler: Handler, options: unknown) =>
            call(components.registrar, 'handle', [
              protocol,
              (stream: Stream, ...rest: unknown[]) => {
                watch(stream)
                return handler(stream, ...rest)
              },
              options,
            ]),
        }),
        connectionManager: instead(components.connectionManager, {
          openStream: async (...words: unknown[]) => {
            const stream = (await call(components.connectionManager, 'openStream', words)) as Stream
            watch(stream)
            return stream
          },
        }),
      }),
    )
}

/** Aborts a stream when a message on it begins that is too long. */
export function limitMessages(stream: Stream, onTooLong: () => void): void {
  const watch = new LengthWatch()
  stream.addEventListener('message', ({ data }) => {
    if (watch.isGood(data)) return
    onTooLong()
    stream.abort(new Error('a message of the DHT that is too long'))
  })
}

/** Follows messages behind their lengths (varints) without keeping any of them. */
export class LengthWatch {
  #length = 0
  #lengthBytes = 0
  /** Bytes that are still to come of a message whose length is known, and how many came. */
  #left = 0
  #came = 0
  #isTyped = false

  /** False from the first byte on that says that a message is too long. */
  isGood(bytes: Uint8Array | Uint8ArrayList): boolean {
    for (let at = 0; at < bytes.byteLength; ) {
      if (this.#left === 0) {
        if (!this.#takeLength(byteAt(bytes, at++))) return false
        continue
      }
      if (this.#came < 2) {
        if (!this.#takeHead(byteAt(bytes, at))) return false
        at++
        continue
      }
      const skipped = Math.min(this.#left, bytes.byteLength - at)
      this.#left -= skipped
      at += skipped
    }
    return true
  }

  #takeLength(byte: number): boolean {
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes
    this.#lengthBytes++
    if (byte >= 0x80) return this.#lengthBytes < VARINT_BYTES_MAX
    this.#left = this.#length
    this.#came = 0
    this.#length = 0
    this.#lengthBytes = 0
    return this.#left <= KAD_MESSAGE_BYTES_MAX
  }

  /** Who does not say first that there is no value in it has as little room as a value. */
  #takeHead(byte: number): boolean {
    const length = this.#left + this.#came
    if (this.#came === 0) this.#isTyped = byte === TYPE_FIELD
    else if (this.#isTyped) this.#isTyped = byte >= FIRST_WITHOUT_VALUE
    this.#left--
    this.#came++
    return this.#isTyped || length <= KAD_VALUE_BYTES_MAX
  }
}

function byteAt(bytes: Uint8Array | Uint8ArrayList, at: number): number {
  return (bytes instanceof Uint8Array ? bytes[at] : bytes.get(at)) ?? 0
}

function call(target: object, name: string, words: unknown[]): unknown {
  return (Reflect.get(target, name, target) as (...words: unknown[]) => unknown).apply(target, words)
}

/** An object with some of its members replaced; methods of the others still are its own. */
function instead<Target extends object>(target: Target, replaced: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(inner, name) {
      if (typeof name === 'string' && Object.hasOwn(replaced, name)) return replaced[name]
      const value: unknown = Reflect.get(inner, name, inner)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
}
