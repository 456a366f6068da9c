import { hash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Community } from './community.ts'
import { ChallengeCode, type ChallengeRequest, type DdsResponse } from './dds-messages.js'
import { idFromWire, NONCE_BYTES, REVEALED_BYTES_MAX } from './dds-protocol.ts'
import { UnauthorisedPeerError } from './errors.ts'
import { PeerBuckets } from './peer-buckets.ts'

/** Challenges one peer may set: each costs us the reading of a whole chunk, and it only a few bytes. */
const CHALLENGES_PER_PEER = { perSecond: 5, burst: 200 }

/** What answering challenges needs. */
export interface AuditAnswerParts {
  chunks: ChunkStore
  community: Community
  clock: Clock
  metrics: Metrics
  /** Whether we keep the chunk as a copy that counts. */
  isKept: (id: ContentId) => boolean
  /** A chunk of ours was found damaged, lost, or unreadable. */
  onDamaged: (id: ContentId) => void
}

/**
 * Answers other members' challenges, honestly: with the proof, or with what is wrong with our copy. The store
 * checks the whole chunk at each reading, so a challenge finds our own rot, too.
 */
export class AuditAnswers {
  readonly #parts: AuditAnswerParts
  readonly #buckets: PeerBuckets

  constructor(parts: AuditAnswerParts) {
    this.#parts = parts
    this.#buckets = new PeerBuckets(parts.clock, CHALLENGES_PER_PEER)
  }

  /** @throws UnauthorisedPeerError; InvalidInputError when nonce or range are out of their limits. */
  async answer(request: ChallengeRequest, from: PeerId): Promise<DdsResponse> {
    const { community, metrics } = this.#parts
    const id = idFromWire(request.chunkCid)
    if (!community.isMember(from)) throw new UnauthorisedPeerError({ peer: from })
    checkRange(request)
    const answer = this.#buckets.take(from)
      ? await this.#read(id, request)
      : { code: ChallengeCode.CHALLENGE_BUSY }
    metrics.count('kizuna_audits_answered_total', { code: answer.code })
    return { challenge: { proof: new Uint8Array(0), revealed: new Uint8Array(0), ...answer } }
  }

  async #read(
    id: ContentId,
    { offset, length, nonce, reveal }: ChallengeRequest,
  ): Promise<Partial<NonNullable<DdsResponse['challenge']>> & { code: ChallengeCode }> {
    const { chunks, isKept, onDamaged } = this.#parts
    try {
      const bytes = await chunks.get(id, { offset, length })
      if (reveal) return { code: ChallengeCode.CHALLENGE_OK, revealed: Uint8Array.from(bytes) }
      const proof = Uint8Array.from(hash('sha256', Buffer.concat([nonce, bytes]), 'buffer'))
      return { code: ChallengeCode.CHALLENGE_OK, proof }
    } catch (error) {
      if (isKizunaError(error, 'CHUNK_NOT_FOUND') && !isKept(id)) {
        return { code: ChallengeCode.CHALLENGE_MISSING }
      }
      if (isKizunaError(error, 'DISK_ERROR')) {
        onDamaged(id)
        return { code: ChallengeCode.CHALLENGE_UNREADABLE }
      }
      if (!isKizunaError(error, 'CHUNK_CORRUPT') && !isKizunaError(error, 'CHUNK_NOT_FOUND')) throw error
      onDamaged(id)
      return { code: ChallengeCode.CHALLENGE_DAMAGED }
    }
  }
}

function checkRange({ nonce, offset, length, reveal }: ChallengeRequest): void {
  const good =
    nonce.byteLength === NONCE_BYTES &&
    offset <= CHUNK_BYTES_MAX &&
    length >= 1 &&
    length <= (reveal ? REVEALED_BYTES_MAX : CHUNK_BYTES_MAX)
  if (good) return
  throw new InvalidInputError({ what: 'The challenge', reason: 'its nonce or range is out of its limits' })
}
