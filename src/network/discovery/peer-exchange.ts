import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import type { Clock } from '../../core/clock.ts'
import { decodeCanonical, encodeCanonical } from '../../core/encoding.ts'
import { InvalidInputError } from '../../core/errors.ts'
import { FRAME_BYTES_MAX } from '../../core/limits.ts'
import type { Logger } from '../../core/log.ts'
import type { Metrics } from '../../core/metrics.ts'
import { type Random, shuffled } from '../../core/random.ts'
import type { PeerId } from '../../core/signing-key.ts'
import type { ConnectionKeeper } from '../connection-keeper.ts'
import type { CallOptions, RequestHandler } from '../network.ts'
import { withPeer } from '../peer-address.ts'

export const PEERS_PROTOCOL = '/kizuna/peers/1.0.0'
/** Peers in one answer. */
export const PEERS_PER_ANSWER_MAX = 32
/** One signed peer record; longer ones are not passed on and not read. */
const RECORD_BYTES_MAX = 1_900
/** Addresses taken from one record. */
const ADDRESSES_PER_RECORD_MAX = 16
const TIMEOUT_MS = 5_000
/** With fewer connections than this we ask again soon: whoever knows one peer loses everything with it. */
const FEW_PEERS = 4
const SOON_MS = 5_000

/** How eagerly peers are asked for others. */
export interface PeersPolicy {
  intervalMs: number
}

interface Parts {
  host: Libp2p
  privateKey: PrivateKey
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  keeper: ConnectionKeeper
  request: (
    peer: PeerId,
    protocol: string,
    request: Uint8Array[],
    options: CallOptions,
  ) => AsyncIterable<Uint8Array>
}

/**
 * Peers tell each other about peers: the records that those signed themselves, so that nobody can invent an
 * address for somebody else. An answer is one frame, a canonical CBOR list of signed envelopes.
 */
export class PeerExchange {
  readonly #parts: Parts
  readonly #policy: PeersPolicy

  constructor(parts: Parts, policy: PeersPolicy) {
    this.#parts = parts
    this.#policy = policy
  }

  /** Answers whoever asks. */
  readonly handler: RequestHandler = (_request, { from }) => this.#answer(from)

  /** Asks one peer after the other, for ever, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, host, random } = this.#parts
    const { intervalMs } = this.#policy
    let soonMs = SOON_MS
    try {
      for (;;) {
        const isPoor = host.getPeers().length < FEW_PEERS
        const pauseMs = isPoor ? Math.min(soonMs, intervalMs) : intervalMs
        await clock.sleep(pauseMs * (0.75 + random.fraction() / 2), signal)
        const [peer] = shuffled(random, host.getPeers())
        const isAnswered = peer !== undefined && (await this.ask(peer.toString() as PeerId, signal))
        // The one that everybody began with may have more to do than it can: it is not asked ever more often.
        soonMs = isAnswered ? SOON_MS : Math.min(soonMs * 2, intervalMs)
      }
    } catch {
      // The network stops.
    }
  }

  /** Asks one peer for others and offers those to the keeper. Whether it answered; if not, we only know nobody new. */
  async ask(peer: PeerId, signal: AbortSignal): Promise<boolean> {
    const { request, log, metrics } = this.#parts
    try {
      for await (const frame of request(peer, PEERS_PROTOCOL, [new Uint8Array(0)], {
        signal,
        timeoutMs: TIMEOUT_MS,
      })) {
        for (const envelope of decodeAnswer(frame)) await this.#learn(envelope, peer)
        return true
      }
    } catch (error) {
      metrics.count('kizuna_peer_exchange_failures_total')
      log.debug('peer exchange failed', { peer, error })
    }
    return false
  }

  async *#answer(asker: PeerId): AsyncGenerator<Uint8Array> {
    yield encodeCanonical(await this.#records(asker))
  }

  /** Our own record, then those of connected peers in random order: they are known to be alive. */
  async #records(asker: PeerId): Promise<Uint8Array[]> {
    const { host, random } = this.#parts
    const records: Uint8Array[] = []
    let left = FRAME_BYTES_MAX - 1024
    const add = (record: Uint8Array | undefined) => {
      if (record === undefined || record.byteLength > Math.min(left, RECORD_BYTES_MAX)) return
      left -= record.byteLength + 3
      records.push(record)
    }
    add(await this.#ownRecord())
    for (const id of shuffled(random, host.getPeers())) {
      if (records.length >= PEERS_PER_ANSWER_MAX) break
      if (id.toString() === asker) continue
      const peer = await host.peerStore.get(id).catch(() => undefined)
      // Only those who answer this protocol themselves: other programs' peers are none of our community's business.
      if (peer?.protocols.includes(PEERS_PROTOCOL)) add(peer.peerRecordEnvelope)
    }
    return records
  }

  async #ownRecord(): Promise<Uint8Array | undefined> {
    const { host, privateKey } = this.#parts
    const multiaddrs = host.getMultiaddrs()
    if (multiaddrs.length === 0) return undefined
    const record = new PeerRecord({
      peerId: host.peerId,
      multiaddrs: multiaddrs.slice(0, ADDRESSES_PER_RECORD_MAX),
    })
    return (await RecordEnvelope.seal(record, privateKey)).marshal()
  }

  async #learn(envelopeBytes: Uint8Array, from: PeerId): Promise<void> {
    const { host, keeper, metrics, log } = this.#parts
    try {
      // Whoever is connected tells us itself. Where all know all, that is nearly everybody in every answer, and checking
      // their signatures would cost more than all the rest of growing together.
      if (this.#isConnected(signerOf(envelopeBytes))) return
      const { peer, record } = await openPeerRecord(envelopeBytes)
      if (peer.equals(host.peerId) || record.multiaddrs.length === 0) return
      const isNews = await host.peerStore.consumePeerRecord(envelopeBytes, { expectedPeer: peer })
      // Where a peer was once is where anybody may be now; its signature under that stays good for ever.
      if (!isNews && record.seqNumber < (await this.#knownSequence(peer))) {
        throw new InvalidInputError({ what: 'A peer record', reason: 'a newer one of that peer is known' })
      }
      const id = peer.toString() as PeerId
      const addresses = record.multiaddrs.slice(0, ADDRESSES_PER_RECORD_MAX).map((each) => withPeer(each, id))
      keeper.offer({ source: 'exchange', peer: id, addresses })
    } catch (error) {
      metrics.count('kizuna_peer_exchange_refusals_total')
      log.debug('peer record refused', { from, error })
    }
  }

  #isConnected(peer: PeerRecord['peerId']): boolean {
    return this.#parts.host.getConnections(peer).length > 0
  }

  async #knownSequence(peer: PeerRecord['peerId']): Promise<bigint> {
    const { peerRecordEnvelope } = await this.#parts.host.peerStore.get(peer)
    if (peerRecordEnvelope === undefined) return 0n
    return PeerRecord.createFromProtobuf(RecordEnvelope.createFromProtobuf(peerRecordEnvelope).payload)
      .seqNumber
  }
}

/** Who a record says that it comes from; nobody has checked that. */
function signerOf(bytes: Uint8Array): PeerRecord['peerId'] {
  return peerIdFromPublicKey(RecordEnvelope.createFromProtobuf(bytes).publicKey)
}

/** Checks that a peer signed this record about itself. @throws when it did not. */
async function openPeerRecord(bytes: Uint8Array) {
  const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN)
  const record = PeerRecord.createFromProtobuf(envelope.payload)
  const peer = peerIdFromPublicKey(envelope.publicKey)
  if (!peer.equals(record.peerId)) {
    throw new InvalidInputError({ what: 'A peer record', reason: 'somebody else signed it' })
  }
  return { peer, record }
}

/** The envelopes in an answer. @throws InvalidInputError when it breaks the form or a limit. */
export function decodeAnswer(frame: Uint8Array): Uint8Array[] {
  const list = decodeCanonical(frame, 'A list of peers')
  const isList = Array.isArray(list) && list.length <= PEERS_PER_ANSWER_MAX
  if (!isList || !list.every((each) => each instanceof Uint8Array && each.byteLength <= RECORD_BYTES_MAX)) {
    throw new InvalidInputError({
      what: 'A list of peers',
      reason: `it is not at most ${PEERS_PER_ANSWER_MAX} records`,
    })
  }
  return list
}
