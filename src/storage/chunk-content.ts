import { setImmediate } from 'node:timers/promises'
import type { Digester } from '../core/digester.ts'
import { AbortedError, InvalidInputError } from '../core/errors.ts'
import { type Chunk, chunkOf, hashChunk } from './chunk.ts'
import type { ChunkMemory } from './chunk-memory.ts'
import { type ChunkingProfile, createCutter } from './chunking-profile.ts'
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
 * that is used again: whoever takes a chunk is its user and releases it.
 */
export async function* chunkContentWith(
  parts: { digester: Digester; memory: ChunkMemory },
  source: AsyncIterable<Uint8Array>,
  options: ChunkContentOptions,
): AsyncGenerator<Chunk> {
  const { digester, memory } = parts
  const coming: Promise<Chunk>[] = []
  for await (const pieces of cutContent(source, options)) {
    const chunk = hashChunk(joinInto(memory, pieces), digester)
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
  for await (const pieces of cutContent(source, options)) yield chunkOf(join(pieces))
}

/** The pieces of each chunk. */
async function* cutContent(
  source: AsyncIterable<Uint8Array>,
  options: ChunkContentOptions,
): AsyncGenerator<Uint8Array[]> {
  const { profile, sizeBytes, signal } = options
  checkSize(sizeBytes)
  const cutter = createCutter(profile)
  const iterator = source[Symbol.asyncIterator]()
  let parts: Uint8Array[] = []
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
        parts.push(piece.subarray(from, end < 0 ? piece.byteLength : end))
        if (end < 0) break
        yield parts
        parts = []
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
    if (parts.length > 0) yield parts
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

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  return copyAll(parts, Buffer.allocUnsafeSlow(lengthOf(parts)))
}

function joinInto(memory: ChunkMemory, parts: readonly Uint8Array[]): Uint8Array {
  return copyAll(parts, memory.take(lengthOf(parts)))
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0)
}

function copyAll(parts: readonly Uint8Array[], target: Uint8Array): Uint8Array {
  let at = 0
  for (const part of parts) {
    target.set(part, at)
    at += part.byteLength
  }
  return target
}

function checkPiece(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new InvalidInputError({ what: 'The content', reason: 'its source gives something other than bytes' })
}

function checkSize(sizeBytes: number | undefined): void {
  if (sizeBytes === undefined || (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) return
  throw new InvalidInputError({ what: 'The declared size', reason: `${sizeBytes} is not a number of bytes` })
}
