import { type BufferPool, sharedBuffers } from '../core/buffer-pool.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { type Digester, inlineDigester } from '../core/digester.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import { ChunkLeases } from '../storage/chunk-leases.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { Pins } from '../storage/pins.ts'
import { ANNOUNCE_FIRST, ANNOUNCE_LATER, Announcer } from './announcer.ts'
import { AuditAnswers } from './audit-answers.ts'
import { AuditLedger } from './audit-ledger.ts'
import { Auditor } from './auditor.ts'
import type { Community } from './community.ts'
import type { Content } from './content.ts'
import { type ContentOptions, contentOptions } from './content-options.ts'
import { ContentTransfer } from './content-transfer.ts'
import { CorruptionNotices } from './corruption-notices.ts'
import { DamagedChunks } from './damaged-chunks.ts'
import { handleDdsRequests } from './dds-handlers.ts'
import { DdsServer } from './dds-server.ts'
import { diagnoseContent } from './diagnose-content.ts'
import { findHolders } from './find-holders.ts'
import { handOver } from './hand-over.ts'
import { Holdings } from './holdings.ts'
import { keepChunks } from './keep-chunks.ts'
import { keepContent } from './keep-content.ts'
import { KeptObjects } from './kept-objects.ts'
import { ManifestReader } from './manifest-reader.ts'
import { PeerDoubts } from './peer-doubts.ts'
import { publishContent } from './publish-content.ts'
import { listFolder, publishFolder } from './publish-folder.ts'
import { Replicator } from './replicator.ts'
import { RETRIEVE_TIMEOUT_MS, retrieveContent } from './retrieve-content.ts'
import { Scrubber } from './scrubber.ts'
import type { PeerReport } from './source-judge.ts'

/** What content is built on. */
export interface ContentParts {
  index: IndexDatabase
  chunks: ChunkStore
  pins: Pins
  /** Keeps chunks that are being worked with from the garbage collector. @default leases of our own */
  leases?: ChunkLeases
  /** Hashes what comes and what goes. @default in this thread */
  digester?: Digester
  /** Memory for chunks under way. @default the pool of this process */
  buffers?: BufferPool
  network: Network
  community: Community
  /** Anything that takes reports about peers; `network/reputation.ts` in life. */
  reputation: { report(peer: PeerId, what: PeerReport): void }
  /** Signs corruption notices. */
  key: SigningKey
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
}

/** The content service over its parts; call `start` before use. */
export function createContent(parts: ContentParts, given: Partial<ContentOptions> = {}): Content {
  const { network, clock, metrics, digester = inlineDigester, buffers = sharedBuffers } = parts
  const log = parts.log.named('content')
  const leases = parts.leases ?? new ChunkLeases()
  const options = contentOptions(given, network.peerId)
  const report = (peer: PeerId, what: PeerReport) => parts.reputation.report(peer, what)
  const holdings = new Holdings(
    { ...parts, log },
    { intervalMs: options.holdingsIntervalMs, serves: options.serves },
  )
  const announcer = new Announcer({ ...parts, log }, { announces: options.announces })
  const announce = (root: ContentId, ids: readonly ContentId[]) => {
    announcer.announce([root], ANNOUNCE_FIRST)
    if (options.announcesChunks) announcer.announce(ids, ANNOUNCE_LATER)
  }
  const kept = new KeptObjects({ ...parts, holdings, announce })
  const damaged = new DamagedChunks(
    { ...parts, log, kept, holdings },
    { heal: (id, signal) => healer(id, signal) },
  )
  const onDamaged = (id: ContentId) => damaged.note(id)
  const isKept = (id: ContentId) => kept.isKept(id)
  const notices = new CorruptionNotices({
    ...parts,
    log,
    holdings,
    report,
    isKept,
    onDamaged,
    onHint: (holder) => auditor.suspect(holder),
  })
  const audits = new AuditLedger({ ...parts, log: log.named('audits') })
  const scrubber = new Scrubber(
    {
      ...parts,
      log: log.named('scrubber'),
      onDamaged: (id) => {
        onDamaged(id)
        notices.tell(id, network.peerId)
      },
      findLost: () => damaged.findLost(),
    },
    { cycleMs: options.scrubCycleMs, cpuShare: options.scrubCpuShare },
  )
  damaged.onEvent(scrubber.noteDamage)
  const transferParts = {
    ...parts,
    digester,
    buffers,
    log,
    holdings,
    report,
    isKept,
    onDamaged,
    onBadChunk: (id: ContentId, holder: PeerId) => notices.tell(id, holder),
    doubts: new PeerDoubts(clock),
  }
  const openTransfer = (transfer: Omit<ConstructorParameters<typeof ContentTransfer>[1], 'peersMax'>) =>
    new ContentTransfer(transferParts, { ...transfer, peersMax: options.peersMax })
  const manifests = new ManifestReader({ buffers, openTransfer })
  const keepParts = { self: network.peerId, clock, kept, leases, openTransfer, manifests }
  const fetchForSpace: Parameters<typeof handleDdsRequests>[0]['fetchForSpace'] = (
    facts,
    ids,
    hints,
    signal,
  ) =>
    keepChunks(keepParts, { facts, ids, hints, keeper: 'space' }, { signal, timeoutMs: RETRIEVE_TIMEOUT_MS })
  const healer = async (id: ContentId, signal: AbortSignal) => {
    for (const root of kept.rootsOf(id)) {
      const facts = kept.get(root)
      if (facts === undefined) continue
      for await (const _ of fetchForSpace(facts, [id], [], signal)) return
    }
  }
  const loadManifest = async (root: ContentId, signal: AbortSignal) =>
    (await manifests.load(root, { signal, timeoutMs: RETRIEVE_TIMEOUT_MS })).manifest
  const auditor: Auditor = new Auditor(
    {
      ...parts,
      log: log.named('audits'),
      holdings,
      kept,
      ledger: audits,
      loadManifest,
      onWrong: (id, peer) => notices.tell(id, peer),
      onDamaged,
    },
    { perHour: options.auditsPerHour },
  )
  const replicator = new Replicator(
    {
      ...parts,
      log: log.named('replicator'),
      holdings,
      kept,
      audits,
      loadManifest,
      fetchForSpace,
    },
    {
      graceMs: options.graceMs,
      settleMs: options.settleMs,
      standbyMs: options.standbyMs,
      intervalMs: options.repairIntervalMs,
      trimAfterMs: options.trimAfterMs,
      selfView: options.selfView,
      ...(options.budget === undefined ? {} : { budget: options.budget }),
    },
  )
  const server = new DdsServer({ network, metrics })
  const retrieveParts = {
    clock,
    log,
    metrics,
    digester,
    buffers,
    openTransfer,
    loadManifest: manifests.load.bind(manifests),
  }
  const publishParts = { ...parts, digester, buffers, log, leases, holdings, kept, replicator }
  const settings = { friends: options.friends }
  let stopHandlers = () => {}

  const content: Content = {
    async start() {
      kept.load()
      stopHandlers = handleDdsRequests(
        {
          ...parts,
          buffers,
          server,
          log,
          leases,
          holdings,
          kept,
          report,
          fetchForSpace,
          onPlaced: () => replicator.lookSoon(),
          onDamaged,
          notices,
          audits: new AuditAnswers({ ...parts, isKept, onDamaged }),
        },
        { serves: options.serves, stores: () => options.stores() && !replicator.members.isLeaving },
      )
      server.start()
      holdings.start()
      replicator.start()
      announcer.start()
      scrubber.start()
      auditor.start()
      damaged.findLost().catch((error) => log.debug('search for lost chunks ended', { error }))
    },
    async stop() {
      server.stop()
      stopHandlers()
      damaged.stop()
      notices.stop()
      replicator.stop()
      holdings.stop()
      await Promise.all([scrubber.stop(), auditor.stop()])
      await announcer.stop()
    },
    publish: (source, publishOptions) => publishContent(publishParts, settings, source, publishOptions),
    publishFolder: (entries, publishOptions) =>
      publishFolder(
        (source, more) => publishContent(publishParts, settings, source, more),
        entries,
        publishOptions,
      ),
    retrieve: (id, retrieveOptions) => retrieveContent(retrieveParts, id, retrieveOptions),
    listFolder: (id, { range: _, ...retrieveOptions } = {}) => listFolder(retrieveParts, id, retrieveOptions),
    keep: (id, keepOptions) => keepContent(keepParts, id, keepOptions),
    async forget(id) {
      const had = kept.release(id, 'self')
      if (had) {
        kept.release(id, 'space')
        kept.decline(id)
        announcer.withdraw([id])
      }
      return had
    },
    withdraw(id, mayWithdraw) {
      const facts = kept.get(id)
      if (facts === undefined || !mayWithdraw(facts.publisher)) return false
      const had = kept.release(id, 'space')
      if (kept.isOurs(id)) kept.keepAlone(id)
      else if (had) announcer.withdraw([id])
      return had
    },
    async durability(id, policy) {
      const { manifest } = await manifests.load(id, { timeoutMs: RETRIEVE_TIMEOUT_MS })
      await holdings.refresh()
      const facts = kept.get(id) ?? {
        root: id,
        publisher: network.peerId,
        policy: policy ?? manifest.policy,
        sizeBytes: manifest.sizeBytes,
      }
      return { ...replicator.durability(facts, manifest), keptHere: kept.isOurs(id) }
    },
    durabilitySummary: () => replicator.summary,
    handOver: (handOptions) =>
      handOver({ self: network.peerId, kept, holdings, loadManifest, replicator }, handOptions),
    leave() {
      replicator.stop()
      replicator.members.isLeaving = true
    },
    stopServing() {
      server.stop()
      stopHandlers()
      stopHandlers = () => {}
    },
    get isLeaving() {
      return replicator.members.isLeaving
    },
    keptObjects: () =>
      kept
        .listOurs()
        .map(({ root, sizeBytes, policy, expiresAt }) => ({ id: root, sizeBytes, policy, expiresAt })),
    async sync(syncOptions = {}) {
      const signalled = syncOptions.signal === undefined ? {} : { signal: syncOptions.signal }
      const { peers, added } = await holdings.syncAll(signalled)
      const keysSent = await holdings.offerAll(signalled)
      return { peers, keysSent, keysReceived: added }
    },
    whoHas: async (id, whoOptions = {}) => {
      const signalled = whoOptions.signal === undefined ? {} : { signal: whoOptions.signal }
      return (await findHolders({ ...parts, log, holdings }, [id], signalled)).get(id) ?? []
    },
    diagnose: (id, diagnoseOptions) =>
      diagnoseContent(
        { ...parts, log, holdings, manifests, isKept: (chunk) => kept.isKept(chunk) },
        id,
        diagnoseOptions,
      ),
    noteDamaged: onDamaged,
    holdings: () => holdings.own(),
    scrubber,
    audits,
    queues: () => ({
      repair: damaged.waiting,
      announce: announcer.waiting,
      replicate: replicator.queued,
    }),
  }
  return content
}
