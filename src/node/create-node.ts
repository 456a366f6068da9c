import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { type Clock, SystemClock } from '../core/clock.ts'
import { inlineDigester } from '../core/digester.ts'
import { createLogger, type Logger, type RootLogger, silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { type Random, SystemRandom } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import { ThreadDigester } from '../core/thread-digester.ts'
import type { Network } from '../network/network.ts'
import type { Disk } from '../storage/disk.ts'
import { createFileDisk } from '../storage/file-disk.ts'
import { openTwofoldIndex } from '../storage/twofold-index.ts'
import { assembleNode } from './assemble-node.ts'
import { takeCleanMark } from './clean-mark.ts'
import { type ConfigSources, downloadFolderOf } from './config.ts'
import type { NodeConfig } from './config-schema.ts'
import { lockFolder, makeFolder, makePrivateFolder } from './data-folder.ts'
import type { ErrorReports } from './error-reports.ts'
import { openIdentity } from './identity.ts'
import type { Secrets } from './secrets.ts'
import type { Services } from './services.ts'
import { VERSION } from './version.ts'

const INDEX_FILE = 'index.db'

/** A whole node. It starts once and stops once. */
export interface Node {
  readonly services: Services
  /** Ready when it resolves: listens, serves, and looks for its peers in the background. Under 2 s. */
  start(): Promise<void>
  /** Saves everything, closes everything, lets go of the data folder; also after a failed start. Under 5 s. */
  stop(): Promise<void>
  /** Waits until another member is connected, when there are others; at most `timeoutMs`. */
  waitForPeers(timeoutMs: number, signal?: AbortSignal): Promise<void>
}

/** What tests and the simulator put in the place of the real world. */
export interface NodeSeams {
  clock?: Clock
  random?: Random
  log?: Logger
  /** In the place of the data folder; then there is no lock. */
  disk?: Disk
  network?: (key: SigningKey) => Network
  /** Where the settings came from, so that `kizuna config set` is checked against the same. */
  sources?: ConfigSources
  /** What the node is trusted with from outside. */
  secrets?: Secrets
  awsRegion?: string
}

/**
 * Opens a node on its data folder; nothing listens before `start`.
 * @throws NodeRunningError, HomeUnusableError, IdentityUnreadableError, DiskError
 */
export async function createNode(config: NodeConfig, seams: NodeSeams = {}): Promise<Node> {
  const clock = seams.clock ?? new SystemClock()
  const random = seams.random ?? new SystemRandom()
  const { secrets = {}, awsRegion = '' } = seams
  const metrics = createMetrics({ processMetrics: seams.clock === undefined })
  const release: (() => Promise<void> | void)[] = []
  const letGo = async () => {
    for (const step of release.splice(0).reverse()) await step()
  }
  try {
    if (seams.disk === undefined) {
      await makePrivateFolder(config.home)
      const lock = await lockFolder(config.home, random)
      release.push(() => lock.release())
      await makeFolder(downloadFolderOf(config))
    }
    const rootLog = seams.log === undefined ? openLog(config) : undefined
    if (rootLog !== undefined) {
      release.push(() => rootLog.close())
      const reports = await reportErrors(rootLog, { clock, config, secrets })
      release.push(() => reports?.stop())
    }
    const log = seams.log ?? rootLog ?? silentLogger
    const threads = seams.clock === undefined ? openThreads() : undefined
    if (threads !== undefined) release.push(() => threads.close())
    const digester = threads ?? inlineDigester
    const disk = seams.disk ?? createFileDisk(config.home)
    const cleanStart = await takeCleanMark(disk)
    const key = await openIdentity({ disk, random })
    const { index, close } = await openTwofoldIndex({ disk, log: log.named('index') }, { path: INDEX_FILE })
    release.push(close)
    const sources = seams.sources ?? { userHome: config.home, flags: { ...config } }
    const network = seams.network?.(key) ?? (await openNetwork({ key, clock, random, log, metrics }, config))
    return await assembleNode(
      { clock, random, log, metrics, digester, disk, index, key, network },
      {
        config,
        sources,
        cleanStart,
        letGo,
        secrets,
        awsRegion,
        setLogLevel: (level) => rootLog?.setLevel(level),
      },
    )
  } catch (error) {
    await letGo()
    throw error
  }
}

function openLog(config: NodeConfig): RootLogger {
  const { logLevel: level, logFolder } = config
  return createLogger({ level, ...(logFolder === '' ? {} : { folder: resolve(config.home, logFolder) }) })
}

/** One more only where there are processors for it. */
function openThreads(): ThreadDigester {
  return new ThreadDigester({ threads: availableParallelism() > 2 ? 2 : 1 })
}

/** Sentry's library is loaded by those who want it. */
async function reportErrors(
  log: RootLogger,
  { clock, config, secrets }: { clock: Clock; config: NodeConfig; secrets: Secrets },
): Promise<ErrorReports | undefined> {
  const { sentryDsn: dsn } = secrets
  if (dsn === undefined) return undefined
  const { startErrorReports } = await import('./error-reports.ts')
  return startErrorReports(
    { log, monotonic: () => clock.monotonic(), deadline: (ms) => clock.deadline(ms) },
    { dsn, release: VERSION, environment: config.environment },
  )
}

/** libp2p is heavy; whoever brings a network of their own does not load it. */
async function openNetwork(
  parts: Pick<Services, 'key' | 'clock' | 'random' | 'log' | 'metrics'>,
  config: NodeConfig,
): Promise<Network> {
  const [{ createLibp2pNetwork }, { networkOptions }] = await Promise.all([
    import('../network/libp2p-network.ts'),
    import('./network-options.ts'),
  ])
  const folder = join(config.home, 'network')
  return createLibp2pNetwork({ ...parts, log: parts.log.named('network'), folder }, networkOptions(config))
}
