import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
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
import type { PeerReport } from './chunk-scheduler.ts'
import type { Community } from './community.ts'
import type { Content } from './content.ts'
import { ContentTransfer } from './content-transfer.ts'
import { DamagedChunks } from './damaged-chunks.ts'
import { handleDdsRequests } from './dds-handlers.ts'
import { DdsServer } from './dds-server.ts'
import { diagnoseContent } from './diagnose-content.ts'
import { findHolders } from './find-holders.ts'
import { Holdings } from './holdings.ts'
import { keepChunks } from './keep-chunks.ts'
import { KeptObjects } from './kept-objects.ts'
import { ManifestReader } from './manifest-reader.ts'
import { publishContent } from './publish-content.ts'
import { listFolder, publishFolder } from './publish-folder.ts'
import { Replicator } from './replicator.ts'
import { RETRIEVE_TIMEOUT_MS, retrieveContent } from './retrieve-content.ts'

/** What content is built on. */
export interface ContentParts {
  index: IndexDatabase
  chunks: ChunkStore
  pins: Pins
  /** Keeps chunks that are being worked with from the garbage collector. @default leases of our own */
  leases?: ChunkLeases
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

/** How this node takes part; every field has a default. */
export interface ContentOptions {
  /** Whether we answer others at all; light nodes do not. @default true */
  serves: boolean
  /** Whether others may place chunks here; read at each request. @default () => true */
  stores: () => boolean
  /** Whether we say on the DHT what we have. @default true */
  announces: boolean
  /** Announce every chunk, or only manifests. @default true */
  announcesChunks: boolean
  /** Peers that get a copy of everything published here. @default [] */
  friends: readonly PeerId[]
  /** Peers a transfer asks at once (B-46). @default 5 */
  peersMax: number
  /** How often held keys are compared with every member's. @default 30_000 */
  holdingsIntervalMs: number
  /** How long a member may be away before its copies are made again elsewhere. @default 600_000 */
  graceMs: number
  /** How long a loss must last before anything is done about it. @default 15_000 */
  settleMs: number
  /** How much longer each next holder in rank waits for the ones before it. @default 60_000 */
  standbyMs: number
  /** How often all objects are looked at. @default 30_000 */
  repairIntervalMs: number
  /** What we offer, as others see it in our status. @default plenty, alone in its failure domain */
  selfView: () => { freeBytes: number; uptime: number; failureDomain: string; stores: boolean }
  /** Waits for the share of the bandwidth that copies may take. @default none */
  budget?: (sizeBytes: number, signal: AbortSignal | undefined) => Promise<void>
}

/** Free bytes we count for ourselves when nobody says: one class of `place-chunks.ts`. */
const FREE_BYTES_DEFAULT = 100 * 2 ** 30

/** The content service over its parts; call `start` before use. */
export function createContent(parts: ContentParts, given: Partial<ContentOptions> = {}): Content {
  const { network, chunks, clock, metrics } = parts
  const log = parts.log.named('content')
  const leases = parts.leases ?? new ChunkLeases()
  const options: ContentOptions = { ...defaultOptions(network.peerId), ...given }
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
  const transferParts = {
    ...parts,
    log,
    holdings,
    report,
    isKept: (id: ContentId) => kept.isKept(id),
    onDamaged,
    onBadChunk: damaged.noteBadChunk,
  }
  const openTransfer = (transfer: Omit<ConstructorParameters<typeof ContentTransfer>[1], 'peersMax'>) =>
    new ContentTransfer(transferParts, { ...transfer, peersMax: options.peersMax })
  const manifests = new ManifestReader({ chunks, openTransfer })
  const keepParts = { chunks, kept, leases, openTransfer, manifests }
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
  const replicator = new Replicator(
    {
      ...parts,
      log: log.named('replicator'),
      holdings,
      kept,
      loadManifest: async (root, signal) =>
        (await manifests.load(root, { signal, timeoutMs: RETRIEVE_TIMEOUT_MS })).manifest,
      fetchForSpace,
    },
    {
      graceMs: options.graceMs,
      settleMs: options.settleMs,
      standbyMs: options.standbyMs,
      intervalMs: options.repairIntervalMs,
      selfView: options.selfView,
      ...(options.budget === undefined ? {} : { budget: options.budget }),
    },
  )
  const server = new DdsServer({ network, metrics })
  const retrieveParts = {
    clock,
    log,
    metrics,
    openTransfer,
    loadManifest: manifests.load.bind(manifests),
  }
  const publishParts = { ...parts, log, leases, holdings, kept, replicator }
  const settings = { friends: options.friends }
  let stopHandlers = () => {}

  const content: Content = {
    async start() {
      kept.load()
      stopHandlers = handleDdsRequests(
        {
          ...parts,
          server,
          log,
          leases,
          holdings,
          kept,
          report,
          fetchForSpace,
          onPlaced: () => replicator.lookSoon(),
          onDamaged,
        },
        options,
      )
      server.start()
      holdings.start()
      replicator.start()
      announcer.start()
      damaged.findLost().catch((error) => log.debug('search for lost chunks ended', { error }))
    },
    async stop() {
      server.stop()
      stopHandlers()
      damaged.stop()
      replicator.stop()
      holdings.stop()
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
    async keep(id, keepOptions = {}) {
      const timeoutMs = keepOptions.timeoutMs ?? RETRIEVE_TIMEOUT_MS
      const signalled = keepOptions.signal === undefined ? {} : { signal: keepOptions.signal }
      const { manifest, sources } = await manifests.load(id, { timeoutMs, ...signalled })
      const known = kept.get(id)
      const facts = known ?? {
        root: id,
        publisher: network.peerId,
        policy: manifest.policy,
        sizeBytes: manifest.sizeBytes,
      }
      const ids = [id, ...manifest.shape.pageIds, ...new Set(manifest.shape.dataIds)]
      let done = 0
      const expiry = keepOptions.expiresAt === undefined ? {} : { expiresAt: keepOptions.expiresAt }
      for await (const _ of keepChunks(
        keepParts,
        { facts, ids, hints: sources, keeper: 'self', ...expiry },
        { timeoutMs, ...signalled },
      )) {
        done++
        keepOptions.onProgress?.({ phase: 'fetch', done, total: ids.length, unit: 'chunks' })
      }
    },
    async forget(id) {
      const had = kept.release(id, 'self')
      if (had) {
        kept.release(id, 'space')
        kept.decline(id)
        announcer.withdraw([id])
      }
      return had
    },
    async durability(id) {
      const { manifest } = await manifests.load(id, { timeoutMs: RETRIEVE_TIMEOUT_MS })
      await holdings.refresh()
      const known = kept.get(id)
      const facts = known ?? {
        root: id,
        publisher: network.peerId,
        policy: manifest.policy,
        sizeBytes: manifest.sizeBytes,
      }
      return { ...replicator.durability(facts, manifest), keptHere: kept.isOurs(id) }
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
    holdings: () => holdings.own(),
    queues: () => ({
      repair: damaged.waiting,
      announce: announcer.waiting,
      replicate: replicator.queued,
    }),
  }
  return content
}

function defaultOptions(self: PeerId): ContentOptions {
  return {
    serves: true,
    stores: () => true,
    announces: true,
    announcesChunks: true,
    friends: [],
    peersMax: 5,
    holdingsIntervalMs: 30_000,
    graceMs: 600_000,
    settleMs: 15_000,
    standbyMs: 60_000,
    repairIntervalMs: 30_000,
    selfView: () => ({ freeBytes: FREE_BYTES_DEFAULT, uptime: 1, failureDomain: self, stores: true }),
  }
}
