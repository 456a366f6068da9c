import { hash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { SHARD_ALIGNMENT_BYTES } from '../storage/erasure-code.ts'
import type { AuditOutcome } from './audit-standing.ts'
import { type ChallengeAnswer, challengeHolder } from './dds-client.ts'
import { NONCE_BYTES } from './dds-protocol.ts'

/** What is revealed of a shard: whole blocks of the code. Fewer bytes prove as much; the rest of a message weighs more. */
export const LEAF_BYTES = 2 * SHARD_ALIGNMENT_BYTES
/** When nobody measured the way. */
const LATENCY_MS_DEFAULT = 250
/** Two round trips, and time to read a chunk from a slow disk. */
const LATE_AFTER_TRIPS = 2
const READ_MS = 1_000
/** No answer by then is none. */
const ANSWER_TIMEOUT_MS = 10_000
/** A challenge and its answer with all that is around them, without what is revealed. */
const MESSAGE_BYTES = 256

/** What challenging needs. */
export interface AuditProbeParts {
  network: Network
  clock: Clock
  random: Random
  metrics: Metrics
}

/** What a peer answered; `revealed` only when that was asked and is of the right length. */
export interface ProbeAnswer {
  outcome: AuditOutcome
  revealed?: Uint8Array
}

/** Challenges a peer for a chunk whose right bytes are given: the hash of a new nonce and the whole chunk. */
export async function probeCopy(
  parts: AuditProbeParts,
  peer: PeerId,
  input: { id: ContentId; bytes: Uint8Array },
  signal: AbortSignal,
): Promise<AuditOutcome> {
  const nonce = parts.random.bytes(NONCE_BYTES)
  const right = hash('sha256', Buffer.concat([nonce, input.bytes]), 'buffer')
  const challenge = { id: input.id, nonce, offset: 0, length: input.bytes.byteLength }
  const { outcome } = await ask(parts, peer, challenge, signal, ({ proof }) => right.equals(proof))
  return outcome
}

/** Has a peer reveal a range of a chunk; whether the bytes are right shows only beside those of other shards. */
export async function probeLeaf(
  parts: AuditProbeParts,
  peer: PeerId,
  input: { id: ContentId; offset: number; length: number },
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const challenge = { ...input, nonce: parts.random.bytes(NONCE_BYTES), reveal: true }
  return ask(parts, peer, challenge, signal, ({ revealed }) => revealed.byteLength === input.length)
}

async function ask(
  { network, clock, metrics }: AuditProbeParts,
  peer: PeerId,
  challenge: Parameters<typeof challengeHolder>[2],
  signal: AbortSignal,
  isRight: (answer: ChallengeAnswer) => boolean,
): Promise<ProbeAnswer> {
  const startedAt = clock.monotonic()
  metrics.count('kizuna_audit_bytes_total', {}, MESSAGE_BYTES + (challenge.reveal ? challenge.length : 0))
  let answer: ChallengeAnswer
  try {
    answer = await challengeHolder(network, peer, challenge, { signal, timeoutMs: ANSWER_TIMEOUT_MS })
  } catch (error) {
    signal.throwIfAborted()
    return { outcome: outcomeOf(error) }
  }
  const tookMs = clock.monotonic() - startedAt
  if (answer.code === 'CHALLENGE_BUSY') return { outcome: 'silent' }
  if (answer.code !== 'CHALLENGE_OK') return { outcome: 'missing' }
  if (!isRight(answer)) return { outcome: 'wrong' }
  const outcome = tookMs <= lateAfterMs(network, peer) ? 'proved' : 'late'
  return challenge.reveal ? { outcome, revealed: answer.revealed } : { outcome }
}

/** Who has the bytes on its own disk answers within two round trips and a read; who must fetch them first mostly not. */
function lateAfterMs(network: Network, peer: PeerId): number {
  const latencyMs = network.connectedPeers().find((each) => each.peer === peer)?.latencyMs
  return LATE_AFTER_TRIPS * (latencyMs ?? LATENCY_MS_DEFAULT) + READ_MS
}

function outcomeOf(error: unknown): AuditOutcome {
  if (isKizunaError(error, 'PEER_UNREACHABLE') || isKizunaError(error, 'PEER_SUSPENDED')) return 'unreachable'
  if (isKizunaError(error, 'PEER_MISBEHAVED')) return 'wrong'
  // A connection that is lost at the very moment of being asked is no more of a proof than silence.
  return 'silent'
}
