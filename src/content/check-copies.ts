import type { Clock } from '../core/clock.ts'
import { type ContentId, matchesContentId } from '../core/content-id.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { openChunk } from './dds-client.ts'

/** Chunks fetched to be checked, spread over the content: at most 16 MiB. */
const CHUNKS_MAX = 16
/** Holders asked for one chunk before it is left. */
const HOLDERS_MAX = 3

/** What fetching a few chunks showed. */
export interface CheckedCopies {
  /** Chunks of which a copy was read. */
  read: number
  /** Copies with wrong bytes, and those that their holders found damaged themselves. */
  damaged: { id: ContentId; peer: PeerId }[]
}

/**
 * Fetches a sample of chunks from peers that say they hold them, and checks the bytes. What cannot be read in time
 * is left out: it says nothing about the bytes.
 */
export async function checkCopies(
  parts: { network: Network; clock: Clock },
  ids: readonly ContentId[],
  holdersOf: (id: ContentId) => readonly PeerId[],
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<CheckedCopies> {
  const signal = parts.clock.deadline(options.timeoutMs, options.signal)
  const result: CheckedCopies = { read: 0, damaged: [] }
  for (const id of sampleOf(ids)) {
    let wasRead = false
    for (const peer of holdersOf(id).slice(0, HOLDERS_MAX)) {
      if (signal.aborted) return result
      const state = await readCopy(parts.network, peer, id, { ...options, signal })
      if (state === 'damaged') result.damaged.push({ id, peer })
      wasRead ||= state !== 'unknown'
      if (state === 'whole') break
    }
    if (wasRead) result.read++
  }
  return result
}

/** Reads one copy and checks it against its id; what cannot be read says nothing about the bytes. */
export async function readCopy(
  network: Network,
  peer: PeerId,
  id: ContentId,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<'whole' | 'damaged' | 'unknown'> {
  try {
    const incoming = await openChunk(network, peer, { id }, options)
    const frames: Uint8Array[] = []
    let sizeBytes = 0
    for await (const frame of incoming.frames) {
      sizeBytes += frame.byteLength
      if (sizeBytes > CHUNK_BYTES_MAX) return 'damaged'
      frames.push(frame)
    }
    if (incoming.code === 'RETRIEVE_DAMAGED') return 'damaged'
    if (incoming.code !== 'RETRIEVE_OK' || sizeBytes < incoming.totalSizeBytes) return 'unknown'
    return matchesContentId(Buffer.concat(frames), id) ? 'whole' : 'damaged'
  } catch {
    return 'unknown'
  }
}

/** The first, the last, and others evenly between them. */
function sampleOf(ids: readonly ContentId[]): ContentId[] {
  const count = Math.min(ids.length, CHUNKS_MAX)
  const places = Array.from({ length: count }, (_, at) =>
    count < 2 ? 0 : Math.round((at * (ids.length - 1)) / (count - 1)),
  )
  return places.map((place) => ids[place] as ContentId)
}
