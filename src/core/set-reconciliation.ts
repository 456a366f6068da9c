/**
 * Range-based set reconciliation: two peers find out which keys each of them lacks, sending far less than their keys.
 * Meyer, "Range-Based Set Reconciliation" (2023), in a two-role form: both sides run {@link answerReconciliation} and
 * both learn everything. Wire format and vectors: `docs/protocol/set-reconciliation.md`.
 */
import { InvalidInputError } from './errors.ts'
import {
  decodeReconciliation,
  type OpenRange,
  RECONCILIATION_BYTES_MAX,
  RECONCILIATION_BYTES_MIN,
} from './reconciliation-message.ts'
import { ReconciliationReply, ranksOf } from './reconciliation-reply.ts'
import { compareKeys, SortedKeys } from './sorted-keys.ts'

/** A sum of keys tells sets apart only when keys are spread like hashes; shorter keys cannot be. */
const KEY_BYTES_MIN = 16
const KEY_BYTES_MAX = 64

/**
 * A caller gives up after this many messages: enough to move two million keys, while a peer that
 * never comes to an end is left behind.
 */
export const RECONCILIATION_MESSAGES_MAX = 4096

/** A set of keys of one length, such as record ids or digests of chunks, that can be reconciled. */
export class ReconciliationSet {
  /** @internal The ordered keys; changed only through this class. */
  readonly sorted: SortedKeys
  #fingerprint = ''
  #fingerprintVersion = -1

  /** @param keyBytes from 16 to 64. Keys must be hashes or contain one, because fingerprints add them up. */
  constructor(keyBytes: number) {
    if (!Number.isInteger(keyBytes) || keyBytes < KEY_BYTES_MIN || keyBytes > KEY_BYTES_MAX) {
      throw new InvalidInputError({
        what: 'A key length',
        reason: `${keyBytes} is not from ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX}`,
      })
    }
    this.sorted = new SortedKeys(keyBytes)
  }

  get size(): number {
    return this.sorted.size
  }

  /** Adds a copy of `key`; false when it was there. @throws InvalidInputError when its length is wrong. */
  add(key: Uint8Array): boolean {
    return this.sorted.add(this.#checked(key))
  }

  /** False when it was not there. @throws InvalidInputError when its length is wrong. */
  delete(key: Uint8Array): boolean {
    return this.sorted.delete(this.#checked(key))
  }

  /** @throws InvalidInputError when its length is wrong. */
  has(key: Uint8Array): boolean {
    return this.sorted.has(this.#checked(key))
  }

  /** 32 hex digits; two sets with the same one are the same but for a crafted collision. */
  fingerprint(): string {
    if (this.#fingerprintVersion !== this.sorted.version) {
      this.#fingerprint = Buffer.from(this.sorted.fingerprint(0, this.size)).toString('hex')
      this.#fingerprintVersion = this.sorted.version
    }
    return this.#fingerprint
  }

  /** Copies of the keys in ascending order. The set may change meanwhile: no key that stays is left out or given twice. */
  *keys(): Generator<Uint8Array> {
    let rank = 0
    let version = this.sorted.version
    while (rank < this.size) {
      const key = this.sorted.keyAt(rank)
      yield key
      rank += 1
      if (version !== this.sorted.version) {
        version = this.sorted.version
        rank = this.sorted.rankOf(key) + (this.sorted.has(key) ? 1 : 0)
      }
    }
  }

  #checked(key: Uint8Array): Uint8Array {
    if (key.byteLength === this.sorted.keyBytes) return key
    throw new InvalidInputError({
      what: 'A key',
      reason: `it has ${key.byteLength} bytes, not ${this.sorted.keyBytes}`,
    })
  }
}

/** What one message taught, and the message to send back. */
export interface ReconciliationAnswer {
  /** Undefined when nothing is left to say; tell the other side with zero bytes if it waits. */
  reply: Uint8Array | undefined
  /** Keys that the other has and we lack. */
  need: Uint8Array[]
  /** Keys that we have and the other lacks. */
  have: Uint8Array[]
}

/** The first message of the side that begins; less than 1 KiB, or all keys of a set of no more than 48. */
export function startReconciliation(set: ReconciliationSet): Uint8Array {
  const reply = new ReconciliationReply(set.sorted, RECONCILIATION_BYTES_MAX)
  reply.describe({ lower: new Uint8Array(0), upper: undefined }, 0)
  return reply.encode()
}

/**
 * Answers a message of the other side; both sides use it until one has no reply. Over the whole exchange
 * `need` and `have` are complete on both sides, whatever the sizes; nothing has to be remembered in between, and the
 * set may change (what changes during an exchange may or may not be seen by it).
 *
 * @param message zero bytes mean that the other side has nothing left to say.
 * @param options.bytesMax the longest reply, from 8 KiB to 48 KiB. @default 48 KiB
 * @throws InvalidInputError when the message breaks a rule of the format.
 */
export function answerReconciliation(
  set: ReconciliationSet,
  message: Uint8Array,
  options: { bytesMax?: number } = {},
): ReconciliationAnswer {
  if (message.byteLength === 0) return { reply: undefined, need: [], have: [] }
  const { sorted } = set
  const { wanted, offered, open } = decodeReconciliation(sorted.keyBytes, message)
  const differing = open.filter((range) => differs(sorted, range))
  const bytesMax = Math.min(options.bytesMax ?? RECONCILIATION_BYTES_MAX, RECONCILIATION_BYTES_MAX)
  const reply = new ReconciliationReply(sorted, Math.max(bytesMax, RECONCILIATION_BYTES_MIN))
  reply.answer(differing)
  return {
    reply: reply.isEmpty ? undefined : reply.encode(),
    need: [...offered.filter((key) => !sorted.has(key)), ...reply.message.wanted],
    have: [...wanted.filter((key) => sorted.has(key)), ...reply.message.offered],
  }
}

function differs(sorted: SortedKeys, range: OpenRange): boolean {
  if (range.mode !== 'fingerprint') return true
  const [from, to] = ranksOf(sorted, range)
  return compareKeys(sorted.fingerprint(from, to), range.fingerprint) !== 0
}
