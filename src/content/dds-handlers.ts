import type { BufferPool } from '../core/buffer-pool.ts'
import type { ContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network, RequestContext } from '../network/network.ts'
import type { ChunkLeases } from '../storage/chunk-leases.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { readPooled } from '../storage/read-pooled.ts'
import type { AuditAnswers } from './audit-answers.ts'
import type { Community } from './community.ts'
import type { CorruptionNotices } from './corruption-notices.ts'
import {
  type ChallengeRequest,
  type CorruptionNotice,
  type DdsResponse,
  type HaveRequest,
  ReplicationCode,
  type ReplicationInstruction,
  RetrieveChunkCode,
  type RetrieveChunkRequest,
  StoreChunkCode,
  type StoreChunkRequest,
} from './dds-messages.js'
import {
  digestToWire,
  framesOf,
  HAVE_IDS_MAX,
  INSTRUCTION_IDS_MAX,
  idFromWire,
  idsFromWire,
  joinFrames,
  type ObjectFacts,
  objectFromWire,
  peersFromWire,
  peersToWire,
  toBitmap,
} from './dds-protocol.ts'
import type { DdsServer } from './dds-server.ts'
import { NotServingError, UnauthorisedPeerError } from './errors.ts'
import type { Holdings } from './holdings.ts'
import type { KeptObjects } from './kept-objects.ts'
import type { PeerReport } from './source-judge.ts'

/** Chunks being sent at once; whoever comes then is told when to come again. */
const SERVED_AT_ONCE_MAX = 64
/** Of those to one peer: who takes many places and reads none must not keep the others out. */
const SERVED_PER_PEER_MAX = 16
const BUSY_RETRY_MS = 200
/** A client that asks for fewer ids than this is looking for somebody who has them. */
const HINTED_IDS_MAX = 16

/** What answering needs. */
export interface DdsHandlerParts {
  server: DdsServer
  network: Network
  chunks: ChunkStore
  buffers: BufferPool
  community: Community
  holdings: Holdings
  kept: KeptObjects
  leases: ChunkLeases
  log: Logger
  metrics: Metrics
  report: (peer: PeerId, what: PeerReport) => void
  /** Fetches chunks and keeps them for an object; yields each when it is verified and stored here. */
  fetchForSpace: (
    facts: ObjectFacts,
    ids: readonly ContentId[],
    hints: readonly PeerId[],
    signal: AbortSignal,
  ) => AsyncIterable<ContentId>
  /** Chunks were stored here for an object that others placed. */
  onPlaced: (facts: ObjectFacts) => void
  onDamaged: (id: ContentId) => void
  notices: CorruptionNotices
  audits: AuditAnswers
}

/** Whom this node serves. */
export interface DdsHandlerOptions {
  /** False for nodes that only download: every request is refused. */
  serves: boolean
  /** Whether others may place chunks here; read at each request, so that a role can change while running. */
  stores: () => boolean
}

/** Answers every kind of DDS request; returns how to stop. */
export function handleDdsRequests(parts: DdsHandlerParts, options: DdsHandlerOptions): () => void {
  const { server } = parts
  let served = 0
  const servedTo = new Map<PeerId, number>()
  const servedToPeer = (peer: PeerId) => servedTo.get(peer) ?? 0
  const door =
    <Request>(
      answer: (
        request: Request,
        body: AsyncIterator<Uint8Array>,
        context: RequestContext,
      ) => AsyncIterable<DdsResponse | Uint8Array>,
    ) =>
    (request: Request, body: AsyncIterator<Uint8Array>, context: RequestContext) => {
      if (!options.serves) throw new NotServingError()
      return answer(request, body, context)
    }
  const limited = async function* (request: RetrieveChunkRequest, context: RequestContext) {
    const { from } = context
    if (served >= SERVED_AT_ONCE_MAX || servedToPeer(from) >= SERVED_PER_PEER_MAX) {
      yield retrieved(RetrieveChunkCode.RETRIEVE_BUSY, { retryAfterMs: BUSY_RETRY_MS })
      return
    }
    served++
    servedTo.set(from, servedToPeer(from) + 1)
    try {
      yield* answerRetrieve(parts, request, context)
    } finally {
      served--
      const left = servedToPeer(from) - 1
      if (left === 0) servedTo.delete(from)
      else servedTo.set(from, left)
    }
  }
  const stops = [
    server.register(
      'storeChunk',
      door((request, body, context) => answerStore(parts, options, request, body, context)),
    ),
    server.register(
      'retrieveChunk',
      door((request, _body, context) => limited(request, context)),
    ),
    server.register(
      'have',
      door((request, _body, context) => answerHave(parts, options, request, context)),
    ),
    server.register(
      'replicationInstruction',
      door((request, _body, context) => answerInstruction(parts, options, request, context)),
    ),
    server.register(
      'corruptionNotice',
      door(async function* (request: CorruptionNotice, _body, { from }) {
        yield { corruption: { damaged: await parts.notices.answer(request, from) } }
      }),
    ),
    server.register(
      'challenge',
      door(async function* (request: ChallengeRequest, _body, { from }) {
        yield await parts.audits.answer(request, from)
      }),
    ),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

async function* answerStore(
  parts: DdsHandlerParts,
  options: DdsHandlerOptions,
  request: StoreChunkRequest,
  body: AsyncIterator<Uint8Array>,
  { from }: RequestContext,
): AsyncGenerator<DdsResponse> {
  const id = idFromWire(request.chunkCid)
  const answer = (code: StoreChunkCode, alreadyHeld = false): DdsResponse => ({
    storeChunk: { code, chunkCid: digestToWire(id), alreadyHeld },
  })
  if (!parts.community.isMember(from)) return yield answer(StoreChunkCode.STORE_UNAUTHORISED)
  if (request.sizeBytes > CHUNK_BYTES_MAX) return yield answer(StoreChunkCode.STORE_TOO_LARGE)
  const facts = request.object === undefined ? undefined : objectFromWire(request.object)
  if (!options.stores() || (facts !== undefined && parts.kept.isDeclined(facts.root))) {
    return yield answer(StoreChunkCode.STORE_REFUSED_QUOTA)
  }
  const bytes = await joinFrames(body, request.sizeBytes, parts.buffers)
  using _lease = parts.leases.hold([id])
  let known = false
  try {
    known = (await parts.chunks.put(id, bytes)) === 'known'
  } catch (error) {
    if (isKizunaError(error, 'INVALID_CHUNK')) {
      parts.report(from, 'bad-chunk')
      return yield answer(StoreChunkCode.STORE_INVALID_CID)
    }
    if (isKizunaError(error) && error.kind === 'busy') return yield answer(StoreChunkCode.STORE_REFUSED_QUOTA)
    throw error
  } finally {
    parts.buffers.release(bytes)
  }
  // A chunk sent alone, as in the DDS plan's first version, is an object of its own.
  const kept = facts ?? {
    root: id,
    publisher: from,
    policy: { kind: 'replica', copies: 1 } as const,
    sizeBytes: bytes.byteLength,
  }
  await parts.kept.keep(kept, 'space', [id])
  parts.onPlaced(kept)
  parts.metrics.count('kizuna_chunks_placed_total')
  yield answer(StoreChunkCode.STORE_OK, known)
}

async function* answerRetrieve(
  parts: DdsHandlerParts,
  request: RetrieveChunkRequest,
  { from, pieceBytesMax }: RequestContext,
): AsyncGenerator<DdsResponse | Uint8Array> {
  const id = idFromWire(request.chunkCid)
  const sizeBytes = await parts.chunks.sizeOf(id)
  if (sizeBytes === undefined) {
    const kept = parts.kept.isKept(id)
    if (kept) parts.onDamaged(id)
    return yield retrieved(
      kept && mayRead(parts, from)
        ? RetrieveChunkCode.RETRIEVE_DAMAGED
        : RetrieveChunkCode.RETRIEVE_NOT_FOUND,
    )
  }
  if (!mayRead(parts, from)) return yield retrieved(RetrieveChunkCode.RETRIEVE_UNAUTHORISED)
  if (request.offset > sizeBytes)
    return yield retrieved(RetrieveChunkCode.RETRIEVE_INVALID_RANGE, { totalSizeBytes: sizeBytes })
  const left = sizeBytes - request.offset
  const length = request.length === 0 ? left : Math.min(request.length, left)
  let bytes: Uint8Array
  try {
    bytes = await readPooled(parts, id, { sizeBytes, offset: request.offset, length })
  } catch (error) {
    const codes = ['CHUNK_CORRUPT', 'CHUNK_NOT_FOUND', 'DISK_ERROR']
    if (!codes.some((code) => isKizunaError(error, code))) throw error
    parts.onDamaged(id)
    return yield retrieved(RetrieveChunkCode.RETRIEVE_DAMAGED)
  }
  try {
    yield retrieved(RetrieveChunkCode.RETRIEVE_OK, {
      totalSizeBytes: sizeBytes,
      offset: request.offset,
      length,
    })
    // Whoever asks for the next frame has no more use for the one before.
    yield* framesOf(bytes, pieceBytesMax)
  } finally {
    parts.buffers.release(bytes)
  }
  parts.metrics.count('kizuna_chunks_served_total')
  parts.metrics.count('kizuna_chunk_bytes_served_total', {}, length)
}

async function* answerHave(
  parts: DdsHandlerParts,
  options: DdsHandlerOptions,
  request: HaveRequest,
  { from }: RequestContext,
): AsyncGenerator<DdsResponse> {
  const ids = idsFromWire(request.chunkCids, HAVE_IDS_MAX)
  const facts = request.keepFor === undefined ? undefined : objectFromWire(request.keepFor)
  const held = await Promise.all(ids.map((id) => parts.chunks.has(id)))
  if (!mayRead(parts, from)) {
    // Those who may not read learn only that there is something to be refused; otherwise they would search on.
    if (held.includes(true)) throw new UnauthorisedPeerError({ peer: from })
    return yield { have: { held: toBitmap(held), kept: toBitmap(held), knownHolders: [] } }
  }
  const mayPlace = facts !== undefined && options.stores() && !parts.kept.isDeclined(facts.root)
  if (mayPlace && parts.community.isMember(from)) {
    const there = ids.filter((_, place) => held[place])
    if (there.length > 0) {
      await parts.kept.keep(facts, 'space', there)
      parts.onPlaced(facts)
    }
  }
  // Kept and not held is a copy that was lost here; whoever looks for it learns that there was one.
  const kept = ids.map((id) => parts.kept.isPromised(id))
  const first = ids.length <= HINTED_IDS_MAX ? ids[0] : undefined
  const knownHolders =
    first === undefined ? [] : parts.holdings.keepersOf(first).filter((peer) => peer !== from)
  yield { have: { held: toBitmap(held), kept: toBitmap(kept), knownHolders: peersToWire(knownHolders) } }
}

async function* answerInstruction(
  parts: DdsHandlerParts,
  options: DdsHandlerOptions,
  request: ReplicationInstruction,
  { from, signal }: RequestContext,
): AsyncGenerator<DdsResponse> {
  const ids = new Set(idsFromWire(request.chunkCids, INSTRUCTION_IDS_MAX))
  if (request.object === undefined) {
    throw new InvalidInputError({ what: 'The instruction', reason: 'it names no object' })
  }
  const facts = objectFromWire(request.object)
  const answer = (id: ContentId, code: ReplicationCode): DdsResponse => ({
    replication: { code, chunkCid: digestToWire(id) },
  })
  const refused = !parts.community.isMember(from) || !options.stores() || parts.kept.isDeclined(facts.root)
  const missing: ContentId[] = []
  for (const id of ids) {
    if (refused) yield answer(id, ReplicationCode.REPLICATION_REFUSED)
    else if (await parts.chunks.has(id)) {
      await parts.kept.keep(facts, 'space', [id])
      yield answer(id, ReplicationCode.REPLICATION_ALREADY_HELD)
    } else missing.push(id)
  }
  if (refused) return
  parts.onPlaced(facts)
  if (missing.length === 0) return
  const sources = [...peersFromWire(request.sourceHints), from]
  for await (const id of parts.fetchForSpace(facts, missing, sources, signal)) {
    yield answer(id, ReplicationCode.REPLICATION_ACCEPTED)
  }
}

function mayRead(parts: DdsHandlerParts, peer: PeerId): boolean {
  return parts.community.publicReading || parts.community.isMember(peer)
}

function retrieved(
  code: RetrieveChunkCode,
  facts: Partial<Omit<NonNullable<DdsResponse['retrieveChunk']>, 'code'>> = {},
): DdsResponse {
  return {
    retrieveChunk: { code, totalSizeBytes: 0, offset: 0, length: 0, retryAfterMs: 0, ...facts },
  }
}
