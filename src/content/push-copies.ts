import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { askHave, instructReplication, storeChunk } from './dds-client.ts'
import { HAVE_IDS_MAX, INSTRUCTION_IDS_MAX, type ObjectFacts } from './dds-protocol.ts'
import type { Holdings } from './holdings.ts'

/** Bytes on their way to one peer at once, … */
const IN_FLIGHT_BYTES_PER_PEER = 4 * 2 ** 20
/** … and chunks: many, so that the peer can make many of them durable with one sync of its disk. */
const IN_FLIGHT_PER_PEER_MIN = 3
const IN_FLIGHT_PER_PEER_MAX = 16
const HAVE_TIMEOUT_MS = 10_000
/** One chunk over a slow line. */
const STORE_TIMEOUT_MS = 30_000
/** Many chunks that a peer fetches from others. */
const INSTRUCTION_TIMEOUT_MS = 120_000

/** What pushing needs. */
export interface PushParts {
  network: Network
  chunks: ChunkStore
  holdings: Holdings
  log: Logger
  metrics: Metrics
}

/** Which chunks of which object come to which peer. */
export interface PushInput {
  peer: PeerId
  facts: ObjectFacts
  /** Manifest and pages: every peer that keeps a part of an object keeps these, to be able to repair it. */
  manifestIds: readonly ContentId[]
  ids: readonly ContentId[]
  /** No chunk of the object is longer. */
  chunkBytesMax: number
}

/** How they come there. */
export interface PushOptions {
  signal?: AbortSignal
  /** A chunk is confirmed by that peer. */
  onKept?: (id: ContentId, peer: PeerId) => void
  /** Waits for its share of the bandwidth before `sizeBytes` are sent. */
  budget?: (sizeBytes: number, signal: AbortSignal | undefined) => Promise<void>
}

/** What came of it. */
export interface PushResult {
  /** Ids the peer confirmed. */
  kept: ContentId[]
  /** Those of them that were sent, and those that it fetched from others; the rest it had. */
  sent: ContentId[]
  fetched: ContentId[]
  /** What was sent, and what the fetched ones had at most. */
  copiedBytes: number
  refused: boolean
}

/**
 * Brings chunks to a peer and has them kept there: what it has already is only marked, what we hold is sent, and
 * what we do not hold it is told to fetch. Resolves to the ids it confirmed; a peer that refuses or breaks off
 * confirms fewer, and the caller plans anew.
 */
export async function pushCopies(
  parts: PushParts,
  input: PushInput,
  options: PushOptions,
): Promise<PushResult> {
  const { peer, facts } = input
  const ids = [...new Set([...input.manifestIds, ...input.ids])]
  const kept = new Set<ContentId>()
  const sent: ContentId[] = []
  const fetched: ContentId[] = []
  const note = (found: readonly ContentId[]) => {
    parts.holdings.noteKept(peer, found)
    for (const id of found) {
      kept.add(id)
      options.onKept?.(id, peer)
    }
  }
  let refused = false
  let copiedBytes = 0
  try {
    for (let start = 0; start < ids.length; start += HAVE_IDS_MAX) {
      const batch = ids.slice(start, start + HAVE_IDS_MAX)
      const signalled = { timeoutMs: HAVE_TIMEOUT_MS, ...signalOf(options) }
      const answer = await askHave(parts.network, peer, { ids: batch, keepFor: facts }, signalled)
      note(batch.filter((_, place) => answer.kept[place] && answer.held[place]))
    }
    const missing = ids.filter((id) => !kept.has(id))
    const remote: ContentId[] = []
    const worker = async () => {
      for (let id = missing.shift(); id !== undefined && !refused; id = missing.shift()) {
        const outcome = await sendOne(parts, input, id, options)
        if (outcome === 'refused') refused = true
        else if (outcome === 'not-here') remote.push(id)
        else {
          note([id])
          sent.push(id)
          copiedBytes += outcome.sentBytes
        }
      }
    }
    const fitting = Math.floor(IN_FLIGHT_BYTES_PER_PEER / input.chunkBytesMax)
    const length = Math.min(Math.max(fitting, IN_FLIGHT_PER_PEER_MIN), IN_FLIGHT_PER_PEER_MAX)
    await Promise.all(Array.from({ length }, worker))
    for (let start = 0; start < remote.length && !refused; start += INSTRUCTION_IDS_MAX) {
      const batch = remote.slice(start, start + INSTRUCTION_IDS_MAX)
      await options.budget?.(batch.length * input.chunkBytesMax, options.signal)
      const noteFetched = (found: readonly ContentId[]) => {
        note(found)
        fetched.push(...found)
        copiedBytes += found.length * input.chunkBytesMax
      }
      refused = await instruct(parts, input, batch, noteFetched, options)
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw options.signal.reason
    if (!isKizunaError(error)) throw error
    parts.log.debug('copies not placed', { peer, root: facts.root, kept: kept.size, code: error.code })
    parts.metrics.count('kizuna_placements_failed_total', { code: error.code })
    refused ||= error.kind === 'denied'
  }
  return { kept: [...kept], sent, fetched, copiedBytes, refused }
}

async function sendOne(
  parts: PushParts,
  input: PushInput,
  id: ContentId,
  options: PushOptions,
): Promise<{ sentBytes: number } | 'refused' | 'not-here'> {
  let bytes: Uint8Array
  try {
    bytes = await parts.chunks.get(id, signalOf(options))
  } catch (error) {
    const codes = ['CHUNK_NOT_FOUND', 'CHUNK_CORRUPT', 'DISK_ERROR']
    if (codes.some((code) => isKizunaError(error, code))) return 'not-here'
    throw error
  }
  await options.budget?.(bytes.byteLength, options.signal)
  const { code } = await storeChunk(
    parts.network,
    input.peer,
    { id, bytes, object: input.facts },
    { timeoutMs: STORE_TIMEOUT_MS, ...signalOf(options) },
  )
  if (code === 'STORE_OK') {
    parts.metrics.count('kizuna_chunks_pushed_total')
    parts.metrics.count('kizuna_chunk_bytes_pushed_total', {}, bytes.byteLength)
    return { sentBytes: bytes.byteLength }
  }
  parts.log.debug('copy refused', { peer: input.peer, id, code })
  return 'refused'
}

/** True when the peer refused. */
async function instruct(
  parts: PushParts,
  input: PushInput,
  ids: readonly ContentId[],
  note: (ids: readonly ContentId[]) => void,
  options: PushOptions,
): Promise<boolean> {
  const sources = [...new Set(ids.flatMap((id) => parts.holdings.keepersOf(id)))]
  const answers = instructReplication(
    parts.network,
    input.peer,
    { ids, object: input.facts, sources },
    { timeoutMs: INSTRUCTION_TIMEOUT_MS, ...signalOf(options) },
  )
  for await (const { id, code } of answers) {
    if (code === 'REPLICATION_REFUSED') return true
    note([id])
  }
  return false
}

function signalOf(options: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}
