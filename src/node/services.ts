import type { Archive } from '../archive/archive.ts'
import type { Tasks } from '../compute/task.ts'
import type { Community } from '../content/community.ts'
import type { Content } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { PersonalDataRegistry } from '../core/personal-data.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { Membership } from '../records/membership.ts'
import type { RecordSets } from '../records/record-sets.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Disk } from '../storage/disk.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import type { ApiTokens } from './api-tokens.ts'
import type { AuditLog } from './audit/audit-log.ts'
import type { CircuitBreakers } from './circuit-breakers.ts'
import type { NodeConfig } from './config-schema.ts'
import type { Configuration } from './configuration.ts'
import type { Departure } from './departure.ts'
import type { FeedbackBox } from './feedback-box.ts'
import type { Health } from './health.ts'
import type { CommandHistory } from './history/command-history.ts'
import type { NodeState } from './node-state.ts'

/** The parts of a running node, as commands see them. */
export interface Services {
  readonly config: NodeConfig
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  /** Rooted at the data folder. */
  readonly disk: Disk
  readonly index: IndexDatabase
  readonly chunks: ChunkStore
  readonly key: SigningKey
  readonly network: Network
  readonly records: RecordSets
  readonly membership: Membership
  readonly content: Content
  /** The other members as this node sees them now. */
  readonly community: Community
  /** Reads and changes settings; `config` above is what the node started with. */
  readonly configuration: Configuration
  readonly state: NodeState
  /** Has our status told to the space soon, instead of at its next time. */
  readonly tellStatus: () => void
  /** Takes this node out of service without loss. */
  readonly departure: Departure
  /** For programs that use the HTTP API without owning the node. */
  readonly tokens: ApiTokens
  /** Who asked for what. */
  readonly history: CommandHistory
  /** Who changed what, in a chain that shows tampering. */
  readonly audit: AuditLog
  readonly feedback: FeedbackBox
  /** Every part that keeps something about people. */
  readonly personalData: PersonalDataRegistry
  /** How each part is, for `status`. */
  readonly health: Health
  /** One circuit for each outside service. */
  readonly breakers: CircuitBreakers
  /** Keeps conversations that happen elsewhere. */
  readonly archive: Archive
  /** What members' machines do for each other. */
  readonly tasks: Tasks
}
