import { setImmediate } from 'node:timers/promises'
import type { Digester } from '../core/digester.ts'
import { AbortedError, InvalidInputError } from '../core/errors.ts'
import { type Chunk, chunkOf, hashChunk } from './chunk.ts'
import type { ChunkMemory } from './chunk-memory.ts'
import { type ChunkingProfile, chunkBytesMax, createCutter } from './chunking-profile.ts'
import { SizeMismatchError } from './errors.ts'

/** After so many bytes other work gets its turn, also when the source never waits: about 20 ms of hashing. */
const TURN_BYTES = 8 * 1024 * 1024

const WHAT = 'Reading the content'

/** How content is cut. */
export interface ChunkContentOptions {
  profile: ChunkingProfile
  /** How many bytes the source will give, when known. */
  sizeBytes?: number
  signal?: AbortSignal | undefined
}

/**
 * The same as `chunkContent`, with the hashes made by a digester, as many at once as it can, and the chunks in memory
 * that is used again: whoever takes a chunk is its user and releases it. Every piece is copied there at once, so the
 * source may use its memory again, too, when it is asked for the next.
 */
export async function* chunkContentWith(
  parts: { digester: Digester; memory: ChunkMemory },
  source: AsyncIterable<Uint8Array>,
  options: ChunkContentOptions,
): AsyncGenerator<Chunk> {
  const { digester, memory } = parts
  const coming: Promise<Chunk>[] = []
  const gathered = new CopiedChunk(memory, chunkBytesMax(options.profile))
  for await (const bytes of cutContent(source, options, gathered)) {
    const chunk = hashChunk(bytes, digester)
    // Whoever comes to it gets the error; before that it is nobody's.
    chunk.catch(() => {})
    coming.push(chunk)
    if (coming.length >= digester.atOnce) yield (await coming.shift()) as Chunk
  }
  for (const chunk of coming) yield await chunk
}

/**
 * Cuts a source into chunks, in order. Pulls a piece only when the consumer asks for more, holds no more than
 * one chunk and one piece, and copies bytes only where a chunk spans pieces: a source must not change
 * a piece after giving it. Empty content has no chunks.
 * @throws SizeMismatchError as soon as more than `sizeBytes` came, or at the end when less did.
 * @throws AbortedError within a turn of the event loop after the signal aborts, even while the source hangs.
 */
export async function* chunkContent(
  source: AsyncIterable<Uint8Array>,
  options: ChunkContentOptions,
): AsyncGenerator<Chunk> {
  for await (const bytes of cutContent(source, options, new JoinedChunk())) yield chunkOf(bytes)
}

/** The bytes of each chunk, gathered from the pieces. */
async function* cutContent(
  source: AsyncIterable<Uint8Array>,
  options: ChunkContentOptions,
  chunk: GatheredChunk,
): AsyncGenerator<Uint8Array> {
  const { profile, sizeBytes, signal } = options
  checkSize(sizeBytes)
  const cutter = createCutter(profile)
  const iterator = source[Symbol.asyncIterator]()
  let readBytes = 0
  let sinceTurn = 0
  let isDone = false
  try {
    for (;;) {
      const next = await nextOrAbort(iterator, signal)
      if (next.done === true) break
      const piece = checkPiece(next.value)
      readBytes += piece.byteLength
      if (sizeBytes !== undefined && readBytes > sizeBytes) {
        throw new SizeMismatchError({ declaredBytes: sizeBytes, readBytes })
      }
      let from = 0
      while (from < piece.byteLength) {
        const end = cutter.cut(piece, from)
        chunk.add(piece.subarray(from, end < 0 ? piece.byteLength : end))
        if (end < 0) break
        yield chunk.take()
        sinceTurn += end - from
        from = end
        if (signal?.aborted === true) throw new AbortedError({ what: WHAT, cause: signal.reason })
        if (sinceTurn < TURN_BYTES) continue
        sinceTurn = 0
        await setImmediate()
      }
    }
    isDone = true
    if (sizeBytes !== undefined && readBytes !== sizeBytes) {
      throw new SizeMismatchError({ declaredBytes: sizeBytes, readBytes })
    }
    if (chunk.sizeBytes > 0) yield chunk.take()
  } finally {
    // A source that hangs would hang its own end too; nobody waits for that after an abort.
    if (!isDone) {
      const closing = Promise.resolve(iterator.return?.()).catch(() => {})
      if (signal?.aborted !== true) await closing
    }
  }
}

/** The source's next piece, or the abort, whichever comes first. Leaves nothing behind on a long-lived signal. */
function nextOrAbort(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array>> {
  if (signal === undefined) return iterator.next()
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortedError({ what: WHAT, cause: signal.reason }))
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })
}

/** A chunk that comes together. */
interface GatheredChunk {
  readonly sizeBytes: number
  add(piece: Uint8Array): void
  /** The whole, and begins the next. */
  take(): Uint8Array
}

/** Keeps the pieces, and copies them only when there are several. */
class JoinedChunk implements GatheredChunk {
  #pieces: Uint8Array[] = []

  get sizeBytes(): number {
    return this.#pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece)
  }

  take(): Uint8Array {
    const pieces = this.#pieces
    const sizeBytes = this.sizeBytes
    this.#pieces = []
    const [only] = pieces
    if (pieces.length === 1 && only !== undefined) return only
    const joined = Buffer.allocUnsafeSlow(sizeBytes)
    let at = 0
    for (const piece of pieces) {
      joined.set(piece, at)
      at += piece.byteLength
    }
    return joined
  }
}

/** Copies every piece at once to where the chunk will lie. */
class CopiedChunk implements GatheredChunk {
  readonly #memory: ChunkMemory
  readonly #sizeBytesMax: number
  #bytes: Uint8Array | undefined
  sizeBytes = 0

  constructor(memory: ChunkMemory, sizeBytesMax: number) {
    this.#memory = memory
    this.#sizeBytesMax = sizeBytesMax
  }

  add(piece: Uint8Array): void {
    this.#bytes ??= this.#memory.take(this.#sizeBytesMax)
    this.#bytes.set(piece, this.sizeBytes)
    this.sizeBytes += piece.byteLength
  }

  take(): Uint8Array {
    // Nobody takes a chunk before it has bytes.
    const bytes = (this.#bytes as Uint8Array).subarray(0, this.sizeBytes)
    this.#bytes = undefined
    this.sizeBytes = 0
    return bytes
  }
}

function checkPiece(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new InvalidInputError({ what: 'The content', reason: 'its source gives something other than bytes' })
}

function checkSize(sizeBytes: number | undefined): void {
  if (sizeBytes === undefined || (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) return
  throw new InvalidInputError({ what: 'The declared size', reason: `${sizeBytes} is not a number of bytes` })
}
