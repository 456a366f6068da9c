import { availableParallelism, loadavg } from 'node:os'
import { Archive } from '../archive/archive.ts'
import { personalTasks } from '../compute/personal-tasks.ts'
import { createContent } from '../content/create-content.ts'
import { AgreedClock } from '../core/agreed-clock.ts'
import type { Clock } from '../core/clock.ts'
import type { Digester } from '../core/digester.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId, SigningKey } from '../core/signing-key.ts'
import { Bandwidth } from '../network/bandwidth.ts'
import { createGuardedNetwork } from '../network/guarded-network.ts'
import type { Network } from '../network/network.ts'
import { RateLimits } from '../network/rate-limits.ts'
import { Reputation } from '../network/reputation.ts'
import { createMembership } from '../records/community-membership.ts'
import { createRecordSets } from '../records/sqlite-record-sets.ts'
import type { Disk } from '../storage/disk.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { ApiTokens } from './api-tokens.ts'
import { BackgroundJobs } from './background-jobs.ts'
import { bandwidthSettings } from './bandwidth-settings.ts'
import { openBookkeeping } from './bookkeeping.ts'
import { Bootstrap } from './bootstrap.ts'
import { bootstrapAddress, friendOf } from './bootstrap-address.ts'
import { leaveCleanMark } from './clean-mark.ts'
import type { ConfigSources } from './config.ts'
import type { NodeConfig } from './config-schema.ts'
import { Configuration } from './configuration.ts'
import type { Node } from './create-node.ts'
import { Departure } from './departure.ts'
import { answerEchoes } from './echo.ts'
import { keepFriends } from './friends.ts'
import { addHealthChecks } from './health-checks.ts'
import { openTasks } from './member-tasks.ts'
import { lifeOf } from './node-life.ts'
import { createNodeState } from './node-state.ts'
import { openStorage } from './open-storage.ts'
import { RepairBudget } from './repair-budget.ts'
import { createReputationTable } from './reputation-table.ts'
import type { Secrets } from './secrets.ts'
import type { Services } from './services.ts'
import { SpaceCommunity } from './space-community.ts'
import { StatusPublisher } from './status-publisher.ts'
import { StorageForOthers } from './storage-for-others.ts'
import { TimeKeeper } from './time-keeper.ts'
import { UptimeLedger } from './uptime-ledger.ts'
import { VERSION } from './version.ts'
import { Withdrawals } from './withdrawals.ts'

const DAY_MS = 24 * 60 * 60_000
const GARBAGE_INTERVAL_MS = 15 * 60_000
const CACHE_TRIM_INTERVAL_MS = 60_000

/** The real or simulated world of a node. */
export interface AssemblyParts {
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  digester: Digester
  disk: Disk
  index: IndexDatabase
  key: SigningKey
  /** Not guarded yet. */
  network: Network
}

/** What is already decided when a node is put together. */
export interface AssemblyOptions {
  config: NodeConfig
  sources: ConfigSources
  cleanStart: boolean
  secrets?: Secrets
  awsRegion?: string
  /** Changes how much is logged from now on. */
  setLogLevel?: (level: NodeConfig['logLevel']) => void
  /** Closes what was opened before the assembly, the index database last. */
  letGo: () => Promise<void>
}

/** Puts the parts of a node together. */
export async function assembleNode(parts: AssemblyParts, options: AssemblyOptions): Promise<Node> {
  const { random, log, metrics, digester, disk, index, key } = parts
  const clock = new AgreedClock(parts.clock)
  const { config } = options
  const reputation = new Reputation({
    clock,
    store: createReputationTable(index),
    log: log.named('reputation'),
    metrics,
  })
  const bandwidth = new Bandwidth({ clock }, bandwidthSettings(config))
  const network = createGuardedNetwork(parts.network, {
    reputation,
    bandwidth,
    limits: new RateLimits({ clock }),
    clock,
    metrics,
    log: log.named('network'),
  })
  const records = createRecordSets(
    { key, index, network, clock, random, log: log.named('records'), metrics },
    { gossip: true, syncIntervalMs: config.gossipIntervalMs },
  )
  const { secrets = {}, awsRegion = '' } = options
  const books = await openBookkeeping({ index, key, records, clock, random, log, metrics }, config, {
    secrets,
    awsRegion,
  })
  const bootstrapAddresses = [
    ...config.bootstrap.flatMap((entry) => bootstrapAddress(entry) ?? []),
    ...config.bootstrapDns.map((domain) => `/dnsaddr/${domain}`),
  ]
  const joins = config.autoJoin === 'bootstrap' && bootstrapAddresses.length > 0
  const membership = await createMembership(
    { key, index, network, records, clock, random, log: log.named('membership') },
    { ...spaceOptions(config, key.peerId), seeksSpace: joins },
  )
  const storage = await openStorage({ disk, index, clock, log, metrics, digester }, config)
  const forOthers = new StorageForOthers(
    { storage, clock, log },
    { bytesMax: config.storageForOthersBytesMax },
  )
  await forOthers.measure()
  const uptime = new UptimeLedger(index)
  const community = new SpaceCommunity(
    { network, membership, records, uptime, clock, log: log.named('community') },
    { intervalMs: config.gossipIntervalMs },
  )
  const stores = () => forOthers.offeredBytes > 0
  const selfView = () => ({
    freeBytes: forOthers.offeredBytes,
    uptime: 1,
    failureDomain: config.failureDomain,
    stores: stores(),
  })
  const friends = config.friends.flatMap((entry) => friendOf(entry) ?? [])
  const isLight = config.role === 'light'
  const repairBudget = new RepairBudget(
    { clock, bandwidth },
    { bytesPerSecondMax: config.repairBytesPerSecondMax },
  )
  const content = createContent(
    {
      index,
      chunks: storage.chunks,
      pins: storage.pins,
      leases: storage.leases,
      digester,
      network,
      community,
      reputation,
      key,
      clock,
      random,
      log,
      metrics,
    },
    {
      serves: !isLight,
      announces: !isLight,
      stores,
      selfView,
      friends: friends.map(({ peer }) => peer),
      peersMax: config.downloadPeersMax,
      holdingsIntervalMs: config.gossipIntervalMs,
      graceMs: config.repairGraceMs,
      budget: (sizeBytes, signal) => repairBudget.take(sizeBytes, signal),
      scrubCycleMs: config.scrubCycleDays * DAY_MS,
      scrubCpuShare: config.scrubCpuPercent / 100,
      auditsPerHour: config.auditsPerHour,
    },
  )
  storage.onCorrupt((id) => content.noteDamaged(id))
  const state = createNodeState(
    { clock, metrics, storage, forOthers, network, content },
    { cleanStart: options.cleanStart },
  )
  const configuration = new Configuration({ disk, sources: options.sources }, config)
  configuration.onChange(
    ['uploadBytesPerSecondMax', 'downloadBytesPerSecondMax', 'bandwidthSchedule'],
    (_, next) => bandwidth.change(bandwidthSettings(next)),
  )
  configuration.onChange(['repairBytesPerSecondMax'], (_, next) =>
    repairBudget.change({ bytesPerSecondMax: next.repairBytesPerSecondMax }),
  )
  configuration.onChange(['logLevel'], (_, next) => options.setLogLevel?.(next.logLevel))
  configuration.onChange(['admission'], (_, next) => membership.setAdmission(next.admission))
  const publisher = new StatusPublisher(
    { clock, records, log, self: key.peerId },
    {
      intervalMs: config.gossipIntervalMs,
      read: async () => {
        await forOthers.measure()
        return {
          addresses: network.addresses(),
          role: config.role,
          stores: stores() && !content.isLeaving,
          freeBytes: forOthers.offeredBytes,
          loadPercent: loadPercent(),
          version: VERSION,
          holdings: content.holdings(),
          failureDomain: config.failureDomain,
          leaving: content.isLeaving,
        }
      },
    },
  )
  const timeKeeper = new TimeKeeper({
    network,
    clock,
    random,
    log: log.named('time'),
    metrics,
    isMember: (peer) => membership.isMember(peer),
  })
  const bootstrap = new Bootstrap(
    { network, membership, clock, random, log: log.named('bootstrap') },
    {
      addresses: bootstrapAddresses,
      mayJoin: () => joins && membership.members().length === 1 && content.keptObjects().length === 0,
    },
  )
  const jobs = new BackgroundJobs({ clock, log })
  const archive = await Archive.open(
    {
      disk,
      content,
      records,
      membership,
      clock,
      random,
      log: log.named('archive'),
      metrics,
      self: key.peerId,
    },
    { copies: config.copies, attachmentBytesMax: config.discordAttachmentBytesMax },
  )
  books.personalData.add(archive.personalData())
  const chunks = storage.chunks
  const world = { key, index, network, records, community, content, chunks, clock, random, log, metrics }
  const tasks = openTasks({ ...world, reputation }, config)
  books.personalData.add(personalTasks(tasks))
  const tellStatus = () => publisher.changed()
  const services: Services = {
    ...world,
    config,
    disk,
    membership,
    configuration,
    state,
    tellStatus,
    departure: new Departure({ ...world, tellStatus }),
    tokens: new ApiTokens({ index, clock, random, space: () => membership.space().id }),
    history: books.history,
    audit: books.audit,
    feedback: books.feedback,
    personalData: books.personalData,
    health: books.health,
    breakers: books.breakers,
    archive,
    tasks,
  }
  addGauges(services)
  addHealthChecks(services)
  const withdrawals = new Withdrawals({ content, records, membership, log: log.named('withdrawals') })
  return lifeOf(services, {
    async start() {
      answerEchoes(network)
      await network.start()
      timeKeeper.start()
      await records.start()
      community.start()
      await content.start()
      await archive.start()
      await tasks.start()
      community.onChange(() => publisher.changed())
      publisher.start()
      bootstrap.start()
      keepFriends(services, friends)
      jobs.start({
        name: 'garbage',
        intervalMs: GARBAGE_INTERVAL_MS,
        run: async (signal) => {
          await storage.collector.collect({ signal })
        },
      })
      jobs.start({
        name: 'cache',
        intervalMs: CACHE_TRIM_INTERVAL_MS,
        run: async () => {
          await storage.cache.trim()
        },
      })
      withdrawals.start()
      jobs.start(withdrawals.job)
      jobs.start(books.job)
      services.departure.start()
    },
    // What others see goes first, what is written last.
    stop: [
      () => services.departure.stop(),
      () => Promise.all([bootstrap.stop(), publisher.stop(), jobs.stop(), withdrawals.stop()]),
      () => tasks.stop(),
      () => archive.stop(),
      () => content.stop(),
      () => community.stop(),
      () => {
        membership.stop()
        timeKeeper.stop()
      },
      () => records.stop(),
      () => network.stop(),
      () => reputation.close(),
      () => books.history.stop(),
      () => storage.close(),
    ],
    markClean: () => leaveCleanMark(disk, { stoppedAt: clock.now(), version: VERSION }),
    letGo: options.letGo,
  })
}

function spaceOptions(config: NodeConfig, self: PeerId) {
  const label = config.label === '' ? `node-${self.slice(-6)}` : config.label
  const spaceName = config.spaceName === '' ? `Space of ${label}` : config.spaceName
  return { label, spaceName, admission: config.admission }
}

/** How busy this machine is, 0 to 100; Windows always says 0. */
function loadPercent(): number {
  return Math.min(100, Math.round(((loadavg()[0] ?? 0) / availableParallelism()) * 100))
}

function addGauges({ metrics, network, membership, community, content }: Services): void {
  metrics.gauge('kizuna_connected_peers', 'peers connected now', () => network.connectedPeers().length)
  metrics.gauge('kizuna_members', 'members of the space', () => membership.members().length)
  metrics.gauge('kizuna_chunks_per_peer', 'chunks kept per member, on average', () => {
    const counts = [
      content.holdings().count,
      ...community.members().flatMap(({ holdings }) => holdings?.count ?? []),
    ]
    return counts.reduce((sum, count) => sum + count, 0) / counts.length
  })
}
