import { type BufferPool, sharedBuffers } from '../core/buffer-pool.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { PeerId } from '../core/signing-key.ts'

interface Part {
  peer: PeerId
  start: number
  end: number
}

/**
 * What came of one chunk so far, and who sent which part of it. When the bytes turn out wrong and several peers
 * sent them, nobody knows who lied; once the right bytes are there, comparing the parts tells.
 */
export class PartialChunk {
  readonly #buffers: BufferPool
  #bytes: Uint8Array = new Uint8Array(0)
  #filled = 0
  #placed = 0
  readonly #parts: Part[] = []

  /** @param buffers where the bytes get their memory; whoever takes them from a whole chunk is their user. */
  constructor(buffers: BufferPool = sharedBuffers) {
    this.#buffers = buffers
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Bytes that came, from the beginning without a gap. */
  get filled(): number {
    return this.#filled
  }

  get isWhole(): boolean {
    return this.#filled === this.#bytes.byteLength
  }

  get senders(): Set<PeerId> {
    return new Set(this.#parts.map(({ peer }) => peer))
  }

  /** The same again, so that two peers can go on from here without writing into each other's bytes. */
  copy(): PartialChunk {
    const other = new PartialChunk(this.#buffers)
    other.#bytes = this.#buffers.take(this.#bytes.byteLength)
    other.#bytes.set(this.#bytes.subarray(0, this.#filled))
    other.#filled = this.#filled
    other.#parts.push(...this.#parts.map((part) => ({ ...part })))
    return other
  }

  /** Takes over what a peer says about the whole length; false when that cannot be. */
  setSize(sizeBytes: number): boolean {
    if (sizeBytes > CHUNK_BYTES_MAX || sizeBytes < this.#filled) return false
    if (sizeBytes === this.#bytes.byteLength) return true
    // Not cleared: nobody looks beyond what was filled.
    const bytes = this.#buffers.take(sizeBytes)
    bytes.set(this.#bytes.subarray(0, this.#filled))
    this.#buffers.release(this.#bytes)
    this.#bytes = bytes
    return true
  }

  /** Where the next bytes after those that have a place may be put before they are appended; undefined: there is no room. */
  place(sizeBytes: number): Uint8Array | undefined {
    const start = Math.max(this.#placed, this.#filled)
    if (start + sizeBytes > this.#bytes.byteLength) return undefined
    this.#placed = start + sizeBytes
    return this.#bytes.subarray(start, this.#placed)
  }

  /** Adds what a peer sent next, which may lie in its place already; false when it is more than there is room for, and then nothing is added. */
  append(peer: PeerId, bytes: Uint8Array): boolean {
    if (this.#filled + bytes.byteLength > this.#bytes.byteLength) return false
    const isInPlace =
      bytes.buffer === this.#bytes.buffer && bytes.byteOffset === this.#bytes.byteOffset + this.#filled
    if (!isInPlace) this.#bytes.set(bytes, this.#filled)
    const end = this.#filled + bytes.byteLength
    const last = this.#parts.at(-1)
    if (last?.peer === peer) last.end = end
    else this.#parts.push({ peer, start: this.#filled, end })
    this.#filled = end
    return true
  }

  /** Those whose part is not what the right bytes have in that place. */
  liars(right: Uint8Array): PeerId[] {
    const lied = ({ start, end }: Part) =>
      end > right.byteLength ||
      Buffer.compare(this.#bytes.subarray(start, end), right.subarray(start, end)) !== 0
    return [...new Set(this.#parts.filter(lied).map(({ peer }) => peer))]
  }
}
