import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import { ConnectionLostError, PeerMisbehavedError } from '../network/errors.ts'
import type { CallOptions, Network } from '../network/network.ts'
import type {
  ChallengeCode,
  DdsResponse,
  ReplicationCode,
  RetrieveChunkResponse,
  StoreChunkCode,
  CorruptionNotice as WireNotice,
} from './dds-messages.js'
import {
  DDS_PROTOCOL,
  decodeResponse,
  digestToWire,
  encodeRequest,
  framesOf,
  fromBitmap,
  idFromWire,
  type ObjectFacts,
  objectToWire,
  peersFromWire,
  peersToWire,
} from './dds-protocol.ts'

/** A chunk that begins to come. Read `frames` to the end or stop early, which stops the peer. */
export interface IncomingChunk {
  code: RetrieveChunkResponse['code']
  totalSizeBytes: number
  retryAfterMs: number
  /** The bytes asked for, in order; empty unless the code is RETRIEVE_OK. */
  frames: AsyncIterableIterator<Uint8Array>
}

/** What a peer answers to a HaveRequest. */
export interface HaveAnswer {
  /** In the order of the ids asked: whether the peer can serve it now. */
  held: boolean[]
  /** Whether it keeps it as a copy that counts, rather than as cache; kept and not held is damaged there. */
  kept: boolean[]
  /** Others that keep the first id, as the peer knows. Hints only. */
  knownHolders: PeerId[]
}

/** Sends a chunk to be kept there. `STORE_OK` means that the peer hashed the bytes and stored them durably. */
export async function storeChunk(
  network: Network,
  peer: PeerId,
  input: { id: ContentId; bytes: Uint8Array; object: ObjectFacts | undefined },
  options: CallOptions,
): Promise<{ code: StoreChunkCode; alreadyHeld: boolean }> {
  const header = encodeRequest({
    storeChunk: {
      chunkCid: digestToWire(input.id),
      sizeBytes: input.bytes.byteLength,
      ...(input.object === undefined ? {} : { object: objectToWire(input.object) }),
    },
  })
  const request = [header, ...framesOf(input.bytes)]
  const answer = await onlyAnswer(network, peer, request, { ...options, bulk: true })
  const { storeChunk } = answer
  if (storeChunk === undefined) throw misbehaved(peer, 'it answered another question')
  if (storeChunk.code === 'STORE_OK' && idFromWire(storeChunk.chunkCid) !== input.id) {
    throw misbehaved(peer, 'it confirmed another chunk')
  }
  return { code: storeChunk.code, alreadyHeld: storeChunk.alreadyHeld }
}

/** Where the next bytes of a chunk may be put, given what the peer says about its whole length; see `CallOptions.place`. */
export type ChunkPlace = (sizeBytes: number, totalSizeBytes: number) => Uint8Array | undefined

/** Asks for a chunk, or the part of it from `offset`. */
export async function openChunk(
  network: Network,
  peer: PeerId,
  input: { id: ContentId; offset?: number; length?: number; place?: ChunkPlace },
  options: CallOptions,
): Promise<IncomingChunk> {
  const request = encodeRequest({
    retrieveChunk: {
      chunkCid: digestToWire(input.id),
      offset: input.offset ?? 0,
      length: input.length ?? 0,
    },
  })
  const place = input.place === undefined ? {} : { place: placeAfterHeader(input.place) }
  const asking = network.request(peer, DDS_PROTOCOL, [request], { ...options, ...place, bulk: true })
  const frames = asking[Symbol.asyncIterator]()
  const first = await frames.next()
  if (first.done === true) throw new ConnectionLostError({ peer, protocol: DDS_PROTOCOL })
  const { retrieveChunk } = readResponse(peer, first.value)
  if (retrieveChunk === undefined) throw misbehaved(peer, 'it answered another question')
  return {
    code: retrieveChunk.code,
    totalSizeBytes: retrieveChunk.totalSizeBytes,
    retryAfterMs: retrieveChunk.retryAfterMs,
    frames: bodyFrames(peer, frames, retrieveChunk.length),
  }
}

/** The header is read as soon as bytes follow it: whoever reads the answer may come to it later. */
function placeAfterHeader(place: ChunkPlace): NonNullable<CallOptions['place']> {
  let totalSizeBytes: number | undefined
  return (sizeBytes, first) => {
    totalSizeBytes ??= totalSizeOf(first)
    return totalSizeBytes < 0 ? undefined : place(sizeBytes, totalSizeBytes)
  }
}

/** What a header says about the whole length; -1 when it is none, which its reader will find, too. */
function totalSizeOf(header: Uint8Array): number {
  try {
    const { retrieveChunk } = decodeResponse(header)
    return retrieveChunk?.code === 'RETRIEVE_OK' ? retrieveChunk.totalSizeBytes : -1
  } catch {
    return -1
  }
}

/** Which of `ids` (at most `HAVE_IDS_MAX`) a peer has; with `keepFor` it keeps those it has for that object. */
export async function askHave(
  network: Network,
  peer: PeerId,
  input: { ids: readonly ContentId[]; keepFor?: ObjectFacts },
  options: CallOptions,
): Promise<HaveAnswer> {
  const request = encodeRequest({
    have: {
      chunkCids: input.ids.map(digestToWire),
      ...(input.keepFor === undefined ? {} : { keepFor: objectToWire(input.keepFor) }),
    },
  })
  const { have } = await onlyAnswer(network, peer, [request], options)
  if (have === undefined) throw misbehaved(peer, 'it answered another question')
  try {
    return {
      held: fromBitmap(have.held, input.ids.length),
      kept: fromBitmap(have.kept, input.ids.length),
      knownHolders: peersFromWire(have.knownHolders),
    }
  } catch (cause) {
    throw misbehaved(peer, 'its bitmap has a wrong length', cause)
  }
}

/** Asks a peer to fetch chunks from others and keep them; yields one answer per chunk, as they are done. */
export async function* instructReplication(
  network: Network,
  peer: PeerId,
  input: { ids: readonly ContentId[]; object: ObjectFacts; sources: readonly PeerId[] },
  options: CallOptions,
): AsyncGenerator<{ id: ContentId; code: ReplicationCode }> {
  const request = encodeRequest({
    replicationInstruction: {
      chunkCids: input.ids.map(digestToWire),
      object: objectToWire(input.object),
      sourceHints: peersToWire(input.sources),
    },
  })
  const asked = new Set(input.ids)
  for await (const frame of network.request(peer, DDS_PROTOCOL, [request], options)) {
    const { replication } = readResponse(peer, frame)
    if (replication === undefined) throw misbehaved(peer, 'it answered another question')
    const id = idFromWire(replication.chunkCid)
    if (!asked.delete(id)) throw misbehaved(peer, 'it answered for a chunk that was not asked, or twice')
    yield { id, code: replication.code }
  }
}

/** Tells a peer that `holder` serves wrong bytes or lost a chunk; true when its own copy was found damaged. */
export async function sendCorruptionNotice(
  network: Network,
  peer: PeerId,
  notice: WireNotice,
  options: CallOptions,
): Promise<boolean> {
  const { corruption } = await onlyAnswer(
    network,
    peer,
    [encodeRequest({ corruptionNotice: notice })],
    options,
  )
  if (corruption === undefined) throw misbehaved(peer, 'it answered another question')
  return corruption.damaged
}

/** What a peer answers to a challenge; the bytes are whatever it sent, to be checked by whoever asked. */
export interface ChallengeAnswer {
  code: ChallengeCode
  /** SHA-256 over the nonce and the range; empty unless the code is CHALLENGE_OK and no bytes were to be revealed. */
  proof: Uint8Array
  /** The range's bytes, when they were to be revealed. */
  revealed: Uint8Array
}

/** Challenges a peer to show that it holds a chunk now: by a hash over the nonce and a range, or by the range itself. */
export async function challengeHolder(
  network: Network,
  peer: PeerId,
  input: { id: ContentId; nonce: Uint8Array; offset: number; length: number; reveal?: boolean },
  options: CallOptions,
): Promise<ChallengeAnswer> {
  const request = encodeRequest({
    challenge: {
      chunkCid: digestToWire(input.id),
      nonce: Uint8Array.from(input.nonce),
      offset: input.offset,
      length: input.length,
      reveal: input.reveal ?? false,
    },
  })
  const { challenge } = await onlyAnswer(network, peer, [request], options)
  if (challenge === undefined) throw misbehaved(peer, 'it answered another question')
  return challenge
}

async function onlyAnswer(
  network: Network,
  peer: PeerId,
  request: Iterable<Uint8Array>,
  options: CallOptions,
): Promise<DdsResponse> {
  let answer: Uint8Array | undefined
  // Read to its end, because an answer that is left early costs the stream it came on.
  for await (const frame of network.request(peer, DDS_PROTOCOL, request, options)) {
    if (answer !== undefined) throw misbehaved(peer, 'it answered twice')
    // A frame is good only until the next is asked for.
    answer = frame.slice()
  }
  if (answer === undefined) throw new ConnectionLostError({ peer, protocol: DDS_PROTOCOL })
  return readResponse(peer, answer)
}

function readResponse(peer: PeerId, frame: Uint8Array): DdsResponse {
  try {
    return decodeResponse(frame)
  } catch (cause) {
    throw misbehaved(peer, 'its answer is not a message of the DDS protocol', cause)
  }
}

async function* bodyFrames(
  peer: PeerId,
  frames: AsyncIterator<Uint8Array>,
  lengthMax: number,
): AsyncGenerator<Uint8Array, undefined> {
  let received = 0
  try {
    for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
      received += next.value.byteLength
      if (received > lengthMax) {
        throw misbehaved(peer, 'it sent more bytes than it said')
      }
      yield next.value
    }
  } finally {
    await frames.return?.()
  }
  return undefined
}

function misbehaved(peer: PeerId, reason: string, cause?: unknown): PeerMisbehavedError {
  const error = new PeerMisbehavedError({ peer, reason })
  if (cause !== undefined) error.cause = cause
  return error
}
