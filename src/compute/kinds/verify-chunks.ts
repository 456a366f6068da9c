import { readCopy } from '../../content/check-copies.ts'
import type { Content } from '../../content/content.ts'
import { openChunk } from '../../content/dds-client.ts'
import { ContentNotFoundError } from '../../content/errors.ts'
import { readObjectManifest } from '../../content/object-manifest.ts'
import { type ContentId, matchesContentId } from '../../core/content-id.ts'
import { isKizunaError } from '../../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../../core/limits.ts'
import type { PeerId } from '../../core/signing-key.ts'
import type { Network } from '../../network/network.ts'
import type { ChunkStore } from '../../storage/chunk-store.ts'
import type { TaskFacts } from '../task.ts'
import type { TaskInputs } from '../task-input.ts'
import type { TaskWork } from '../task-worker.ts'

/** Chunks of one object: 5 GiB in chunks of 256 KiB. */
const OBJECT_CHUNKS_MAX = 20_000
/** Chunks named in the result because they are not well. */
const NAMED_MAX = 100
const HOLDERS_MAX = 3
const AT_ONCE = 4
const READ_TIMEOUT_MS = 15_000

/** What re-reading needs. */
export interface VerifyParts {
  content: Pick<Content, 'whoHas' | 'noteDamaged'>
  chunks: Pick<ChunkStore, 'get'>
  network: Network
}

type ChunkState = 'ok' | 'damaged' | 'missing'

/** Reads every chunk of an object, or the chunks named, from here or from members, and says of each how it is. */
export async function verifyChunks(
  parts: VerifyParts,
  input: TaskInputs['verify'],
  { signal, progress }: TaskWork,
): Promise<TaskFacts> {
  const ids = input.content === undefined ? input.chunks : await idsOf(parts, input.content, signal)
  const counts: Record<ChunkState, number> = { ok: 0, damaged: 0, missing: 0 }
  const bad: { id: ContentId; state: ChunkState }[] = []
  let next = 0
  let done = 0
  const readOn = async () => {
    for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
      signal.throwIfAborted()
      const state = await stateOf(parts, id, signal)
      counts[state]++
      if (state !== 'ok' && bad.length < NAMED_MAX) bad.push({ id, state })
      done++
      progress((100 * done) / ids.length, `${done} of ${ids.length} chunks`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, readOn))
  bad.sort((a, b) => (a.id < b.id ? -1 : 1))
  return { chunks: ids.length, ...counts, bad }
}

/** Ours first; a copy that is wrong says nothing about the others. */
async function stateOf(parts: VerifyParts, id: ContentId, signal: AbortSignal): Promise<ChunkState> {
  let isDamaged = false
  try {
    await parts.chunks.get(id, { signal })
    return 'ok'
  } catch (error) {
    if (isKizunaError(error, 'CHUNK_CORRUPT')) {
      isDamaged = true
      parts.content.noteDamaged(id)
    } else if (!isKizunaError(error)) throw error
  }
  for (const peer of await holders(parts, id, signal)) {
    const copy = await readCopy(parts.network, peer, id, { signal, timeoutMs: READ_TIMEOUT_MS })
    if (copy === 'whole') return 'ok'
    if (copy === 'damaged') isDamaged = true
  }
  return isDamaged ? 'damaged' : 'missing'
}

async function holders(parts: VerifyParts, id: ContentId, signal: AbortSignal): Promise<PeerId[]> {
  const all = await parts.content.whoHas(id, { signal })
  return all.filter((peer) => peer !== parts.network.peerId).slice(0, HOLDERS_MAX)
}

/** The chunks of an object, its manifest included; what holds no manifest is a chunk by itself. */
async function idsOf(parts: VerifyParts, root: ContentId, signal: AbortSignal): Promise<ContentId[]> {
  const bytes = await readChunk(parts, root, signal)
  const manifest = await readObjectManifest(root, bytes, (id) => readChunk(parts, id, signal), { signal })
  return [root, ...manifest.catalogue.slice(0, OBJECT_CHUNKS_MAX)]
}

async function readChunk(parts: VerifyParts, id: ContentId, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await parts.chunks.get(id, { signal })
  } catch (error) {
    if (!isKizunaError(error)) throw error
  }
  const asked = await holders(parts, id, signal)
  for (const peer of asked) {
    const bytes = await fetchChunk(parts.network, peer, id, signal).catch(() => undefined)
    if (bytes !== undefined) return bytes
  }
  throw new ContentNotFoundError({ id, asked: [] })
}

async function fetchChunk(network: Network, peer: PeerId, id: ContentId, signal: AbortSignal) {
  const incoming = await openChunk(network, peer, { id }, { signal, timeoutMs: READ_TIMEOUT_MS })
  const frames: Uint8Array[] = []
  let sizeBytes = 0
  for await (const frame of incoming.frames) {
    sizeBytes += frame.byteLength
    if (sizeBytes > CHUNK_BYTES_MAX) return undefined
    frames.push(Uint8Array.from(frame))
  }
  const bytes = Buffer.concat(frames)
  return matchesContentId(bytes, id) ? bytes : undefined
}
