import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import { type PeerId, peerIdFromPublicKey, type SigningKey, verifySignature } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Community } from './community.ts'
import { corruptionNoticeBytes, signCorruptionNotice } from './corruption-notice.ts'
import { sendCorruptionNotice } from './dds-client.ts'
import type { CorruptionNotice } from './dds-messages.js'
import { idFromWire } from './dds-protocol.ts'
import { UnauthorisedPeerError } from './errors.ts'
import type { Holdings } from './holdings.ts'
import { PeerBuckets } from './peer-buckets.ts'
import type { PeerReport } from './source-judge.ts'

/** Others told about one wrong chunk: the holder and some who keep it too. */
const NOTIFIED_MAX = 8
const NOTICE_TIMEOUT_MS = 5_000
/** The same is not said again for this long. */
const TELL_AGAIN_MS = 10 * 60_000
/** What was told and what was looked at, remembered; the oldest goes first. */
const REMEMBERED_MAX = 1_000
/** Looks at our disk that one member's notices may cause. */
const LOOKS_PER_PEER = { perSecond: 1, burst: 64 }
/** One chunk is looked at because of notices no more often than this, whoever sends them. */
const LOOK_AGAIN_MS = 60_000

/** What telling of damage, and hearing of it, needs. */
export interface CorruptionNoticesParts {
  chunks: ChunkStore
  holdings: Holdings
  community: Community
  network: Network
  key: SigningKey
  clock: Clock
  log: Logger
  metrics: Metrics
  report: (peer: PeerId, what: PeerReport) => void
  isKept: (id: ContentId) => boolean
  /** A chunk of ours was found damaged. */
  onDamaged: (id: ContentId) => void
  /** Somebody says that a member's copy is bad: a reason to audit it, no more. */
  onHint: (holder: PeerId, id: ContentId) => void
}

/**
 * Tells those who keep a chunk that somebody's copy of it is bad, and hears the same from others. A notice proves
 * nothing: whoever gets one reads its own copy, and only what it finds itself counts. Notices are limited at both
 * ends, so that no liar makes its neighbours flood each other or read their disks all day.
 */
export class CorruptionNotices {
  readonly #parts: CorruptionNoticesParts
  readonly #buckets: PeerBuckets
  /** Chunk and holder → when it was told, on the monotonic scale. */
  readonly #told = new Map<string, number>()
  /** Chunk → when its bytes were read because of a notice, and what was found. */
  readonly #looked = new Map<ContentId, { at: number; damaged: Promise<boolean> }>()
  readonly #stopping = new AbortController()

  constructor(parts: CorruptionNoticesParts) {
    this.#parts = parts
    this.#buckets = new PeerBuckets(parts.clock, LOOKS_PER_PEER)
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** A copy of the chunk at `holder`, who may be ourselves, is bad: it and others who keep the chunk are told. */
  tell(id: ContentId, holder: PeerId): void {
    const { clock, key, holdings, network, metrics, log } = this.#parts
    const now = clock.monotonic()
    const name = `${id} ${holder}`
    if (now - (this.#told.get(name) ?? -Infinity) < TELL_AGAIN_MS) return
    remember(this.#told, name, now)
    const notice = signCorruptionNotice(key, { id, holder, noticedAt: clock.now() })
    const others = holdings.keepersOf(id).filter((peer) => peer !== holder)
    const peers = [holder, ...others].filter((peer) => peer !== network.peerId && network.isConnected(peer))
    const options = { signal: this.#stopping.signal, timeoutMs: NOTICE_TIMEOUT_MS }
    for (const peer of peers.slice(0, NOTIFIED_MAX)) {
      metrics.count('kizuna_corruption_notices_sent_total')
      sendCorruptionNotice(network, peer, notice, options).then(
        (damaged) => {
          if (damaged) holdings.noteLost(peer, [id])
        },
        (error) => log.debug('corruption notice not delivered', { peer, id, error }),
      )
    }
  }

  /**
   * Looks at our own copy because of a notice; true when it was found damaged.
   * @throws UnauthorisedPeerError when it does not come from the member that signed it; InvalidInputError when it
   *   is forged.
   */
  async answer(notice: CorruptionNotice, from: PeerId): Promise<boolean> {
    const { community, metrics, report, onHint, network } = this.#parts
    const id = idFromWire(notice.chunkCid)
    if (!community.isMember(from)) throw new UnauthorisedPeerError({ peer: from })
    const signer = peerIdFromPublicKey(notice.signer)
    const holder = peerIdFromPublicKey(notice.holder)
    // Who forwards another's notice could send it again and again: everybody speaks for itself.
    if (signer !== from) throw new UnauthorisedPeerError({ peer: signer })
    if (!verifySignature(signer, corruptionNoticeBytes(notice), notice.signature)) {
      report(from, 'forged')
      throw new InvalidInputError({ what: 'The corruption notice', reason: 'its signature is wrong' })
    }
    metrics.count('kizuna_corruption_notices_total')
    if (holder !== network.peerId && holder !== from && community.isMember(holder)) onHint(holder, id)
    return this.#look(id, from)
  }

  async #look(id: ContentId, from: PeerId): Promise<boolean> {
    const { clock, metrics, chunks, isKept, onDamaged } = this.#parts
    if (!(await chunks.has(id))) {
      if (isKept(id)) onDamaged(id)
      return isKept(id)
    }
    const before = this.#looked.get(id)
    if (before !== undefined && clock.monotonic() - before.at < LOOK_AGAIN_MS) return before.damaged
    if (!this.#buckets.take(from)) {
      metrics.count('kizuna_corruption_notices_ignored_total')
      return false
    }
    const damaged = this.#isDamaged(id)
    remember(this.#looked, id, { at: clock.monotonic(), damaged })
    // What was damaged is healed soon, and then the next notice is news again.
    if (await damaged) this.#looked.delete(id)
    return damaged
  }

  async #isDamaged(id: ContentId): Promise<boolean> {
    const { chunks, onDamaged, log } = this.#parts
    try {
      // No bytes are wanted: the store checks the whole chunk all the same, and it does not count as a use.
      await chunks.get(id, { length: 0 })
      return false
    } catch (error) {
      if (!isKizunaError(error, 'CHUNK_CORRUPT') && !isKizunaError(error, 'DISK_ERROR')) {
        log.debug('chunk not looked at', { id, error })
        return false
      }
      onDamaged(id)
      return true
    }
  }
}

function remember<Key, Value>(entries: Map<Key, Value>, key: Key, value: Value): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size <= REMEMBERED_MAX) return
  const [oldest] = entries.keys()
  if (oldest !== undefined) entries.delete(oldest)
}
