import { isKizunaError } from '../core/kizuna-error.ts'
import {
  answerReconciliation,
  RECONCILIATION_MESSAGES_MAX,
  startReconciliation,
} from '../core/set-reconciliation.ts'
import type { PeerId } from '../core/signing-key.ts'
import { PeerMisbehavedError } from '../network/errors.ts'
import type { Network, RequestContext } from '../network/network.ts'
import { NotAMemberError, OtherSpaceError } from './errors.ts'
import { introductionOf } from './introduction.ts'
import { MEMBER_KIND } from './record.ts'
import { readRecord } from './record-codec.ts'
import type { IntakeOutcome, RecordIntake } from './record-intake.ts'
import type { MembershipTest } from './record-sets.ts'
import type { RecordShelf } from './record-shelf.ts'
import {
  decodeMessage,
  decodeOutcomes,
  decodeRequest,
  encodeMessage,
  encodeOutcomes,
  encodeRequest,
  packRecords,
  RECORDS_PER_REQUEST_MAX,
  RECORDS_PROTOCOL,
  type RecordsRequest,
  unpackRecords,
} from './records-protocol.ts'

/** Differences settled by one synchronisation; the next one goes on with the rest. */
const DIFFERENCES_MAX = 100_000
/** One request of a synchronisation. */
const REQUEST_TIMEOUT_MS = 15_000
/** Certificates that a newcomer may show. */
const INTRODUCTION_RECORDS_MAX = 256

/** What synchronisation is made of. */
export interface RecordSyncParts {
  network: Network
  intake: RecordIntake
  shelf: () => RecordShelf
  isMember: MembershipTest
}

/**
 * Makes two members' sets equal. The beginner does all the work: it compares fingerprints, finds the differences by
 * reconciliation, gets what it needs and then puts what is still worth putting. The answerer keeps no state between requests.
 *
 * A record that the other side has replaced is listed once as a difference; whoever has the newer one
 * answers “superseded” to it, the older one is then dropped by its keeper, and the sets are equal.
 */
export class RecordSync {
  readonly #parts: RecordSyncParts

  constructor(parts: RecordSyncParts) {
    this.#parts = parts
  }

  /** @throws NotAMemberError, OtherSpaceError, PeerMisbehavedError, or what `Network.request` throws. */
  async syncWith(peer: PeerId, signal: AbortSignal): Promise<{ sent: number; received: number }> {
    const { need, have } = await this.#differences(peer, signal)
    const received = await this.#get(peer, need, signal)
    const sent = await this.#put(peer, have, signal)
    return { sent, received }
  }

  /** Sends records to a peer without comparing first. @returns how many were new there. */
  async push(peer: PeerId, records: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    const outcomes = await this.#send(peer, 'put', records, signal)
    return outcomes.filter((state) => state === 'new').length
  }

  /** The answering side; see `records-protocol.ts`. */
  async *answer(request: AsyncIterable<Uint8Array>, context: RequestContext): AsyncIterable<Uint8Array> {
    const frames = request[Symbol.asyncIterator]()
    const first = await frames.next()
    if (first.done === true) return
    const message = decodeRequest(first.value)
    const { from } = context
    const shelf = this.#parts.shelf()
    if (message.space !== shelf.space) throw new OtherSpaceError({ peer: context.from })
    if (message.op === 'introduce') {
      yield encodeOutcomes(await this.#receive(frames, (bytes) => this.#takeIntroduction(bytes)))
      return
    }
    if (!this.#parts.isMember(from)) throw new NotAMemberError({ peer: from })
    if (message.op === 'compare') {
      const isSame = message.fingerprint === shelf.set.fingerprint()
      yield encodeMessage(isSame ? undefined : startReconciliation(shelf.set))
    } else if (message.op === 'reconcile') {
      yield encodeMessage(answerReconciliation(shelf.set, message.message).reply)
    } else if (message.op === 'get') {
      yield* packRecords(recordsBehind(shelf, message.keys))
    } else {
      yield encodeOutcomes(await this.#receive(frames, (batch) => this.#parts.intake.take(batch)))
    }
  }

  async #differences(peer: PeerId, signal: AbortSignal): Promise<{ need: Uint8Array[]; have: Uint8Array[] }> {
    const { set, space } = this.#parts.shelf()
    const need = new Map<string, Uint8Array>()
    const have = new Map<string, Uint8Array>()
    const compare: RecordsRequest = { op: 'compare', space, fingerprint: set.fingerprint() }
    let message = await this.#askAsMember(peer, compare, signal)
    for (let count = 0; message.byteLength > 0; count++) {
      if (count >= RECONCILIATION_MESSAGES_MAX) {
        throw new PeerMisbehavedError({ peer, reason: 'its reconciliation does not come to an end' })
      }
      const answer = answerReconciliation(set, message)
      for (const key of answer.need) need.set(Buffer.from(key).toString('latin1'), key)
      for (const key of answer.have) have.set(Buffer.from(key).toString('latin1'), key)
      if (answer.reply === undefined || need.size + have.size > DIFFERENCES_MAX) break
      message = decodeMessage(
        await this.#ask(peer, { op: 'reconcile', space, message: answer.reply }, signal),
      )
    }
    return { need: [...need.values()], have: [...have.values()] }
  }

  /** The first request; a member who does not know us yet is shown our certificates. */
  async #askAsMember(peer: PeerId, request: RecordsRequest, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return decodeMessage(await this.#ask(peer, request, signal))
    } catch (error) {
      if (!isKizunaError(error, 'NOT_A_MEMBER')) throw error
      const certificates = introductionOf(
        this.#parts.network.peerId,
        this.#parts.shelf(),
        INTRODUCTION_RECORDS_MAX,
      )
      const outcomes = await this.#send(peer, 'introduce', certificates, signal)
      if (!outcomes.includes('new')) throw error
      return decodeMessage(await this.#ask(peer, request, signal))
    }
  }

  async #get(peer: PeerId, keys: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    const { intake } = this.#parts
    const { space } = this.#parts.shelf()
    const wanted = keys.filter((key) => intake.wants(key))
    // Older ones first: certificates then come before those that rest on them.
    wanted.sort(Buffer.compare)
    let received = 0
    for (const batch of inBatches(wanted)) {
      let count = 0
      const options = { signal, timeoutMs: REQUEST_TIMEOUT_MS }
      const frames = [encodeRequest({ op: 'get', space, keys: batch })]
      for await (const frame of this.#parts.network.request(peer, RECORDS_PROTOCOL, frames, options)) {
        const records = unpackRecords(frame)
        count += records.length
        if (count > batch.length)
          throw new PeerMisbehavedError({ peer, reason: 'it sent more records than asked for' })
        if (this.#parts.shelf().space !== space) return received
        received += intake.take(records).filter(({ state }) => state === 'new').length
      }
    }
    return received
  }

  /** Puts those of our records that are still kept now that we have theirs. */
  async #put(peer: PeerId, keys: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
    let sent = 0
    const sorted = [...keys].sort(Buffer.compare)
    for (const batch of inBatches(sorted)) {
      const records = [...recordsBehind(this.#parts.shelf(), batch)]
      if (records.length > 0) sent += await this.push(peer, records, signal)
    }
    return sent
  }

  async #send(
    peer: PeerId,
    op: 'put' | 'introduce',
    records: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<IntakeOutcome['state'][]> {
    const { space } = this.#parts.shelf()
    const frames = [encodeRequest({ op, space }), ...packRecords(records)]
    const outcomes = decodeOutcomes(await this.#askFrames(peer, frames, signal))
    if (outcomes.length !== records.length) {
      throw new PeerMisbehavedError({ peer, reason: 'it did not answer for every record' })
    }
    return outcomes
  }

  #ask(peer: PeerId, request: RecordsRequest, signal: AbortSignal): Promise<Uint8Array> {
    return this.#askFrames(peer, [encodeRequest(request)], signal)
  }

  /** A request whose answer is one frame. */
  async #askFrames(peer: PeerId, frames: Uint8Array[], signal: AbortSignal): Promise<Uint8Array> {
    const options = { signal, timeoutMs: REQUEST_TIMEOUT_MS }
    for await (const frame of this.#parts.network.request(peer, RECORDS_PROTOCOL, frames, options))
      return frame
    throw new PeerMisbehavedError({ peer, reason: 'it gave an empty answer' })
  }

  /** Reads the frames of records behind `put` and `introduce`. */
  async #receive(
    frames: AsyncIterator<Uint8Array>,
    take: (batch: Uint8Array[]) => IntakeOutcome[],
  ): Promise<IntakeOutcome['state'][]> {
    const states: IntakeOutcome['state'][] = []
    for (let frame = await frames.next(); frame.done !== true; frame = await frames.next()) {
      const records = unpackRecords(frame.value)
      if (states.length + records.length > RECORDS_PER_REQUEST_MAX) break
      states.push(...take(records).map(({ state }) => state))
    }
    return states
  }

  /**
   * Certificates shown by the newcomer itself count only when their authors are members now: one that was removed
   * could otherwise date a certificate back and hand it to a friend.
   */
  #takeIntroduction(batch: readonly Uint8Array[]): IntakeOutcome[] {
    return batch.slice(0, INTRODUCTION_RECORDS_MAX).map((bytes) => {
      const author = authorOfCertificate(bytes)
      if (author === undefined || !this.#parts.isMember(author)) {
        return { state: 'refused', reason: 'it is not a certificate by a member' }
      }
      return this.#parts.intake.take([bytes])[0] as IntakeOutcome
    })
  }
}

function authorOfCertificate(bytes: Uint8Array): PeerId | undefined {
  try {
    const { record } = readRecord(bytes)
    return record.kind === MEMBER_KIND ? record.author : undefined
  } catch {
    return undefined
  }
}

function* recordsBehind(shelf: RecordShelf, keys: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const key of keys) {
    const record = shelf.byKey(key)
    if (record !== undefined) yield record.bytes
  }
}

function* inBatches(keys: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (let start = 0; start < keys.length; start += RECORDS_PER_REQUEST_MAX) {
    yield keys.slice(start, start + RECORDS_PER_REQUEST_MAX)
  }
}
