/** Takes bytes that lie in memory which is used again: what it has not copied when it returns is lost. */
export type LentReader = (bytes: Uint8Array) => void

const readers = new WeakMap<object, LentReader>()

/**
 * Says who reads a connection or a stream without wanting the bytes for good. They are handed over as they come,
 * one reader after the other, and no memory is taken for them on the way; fresh memory for every record of TLS costs
 * more than its decryption. Where nobody has said so the bytes come as libp2p's events do, in memory of their own.
 */
export function readLent(source: object, reader: LentReader): void {
  readers.set(source, reader)
}

/** Whoever reads it so. */
export function lentReaderOf(source: object): LentReader | undefined {
  return readers.get(source)
}
