import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import { PersonalDataRegistry } from '../core/personal-data.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { RecordSets } from '../records/record-sets.ts'
import type { IndexDatabase } from '../storage/index-database.ts'
import { AuditLog } from './audit/audit-log.ts'
import { SpaceAnchor } from './audit/space-anchor.ts'
import type { BackgroundJob } from './background-jobs.ts'
import { CircuitBreakers } from './circuit-breakers.ts'
import type { NodeConfig } from './config-schema.ts'
import { FeedbackBox } from './feedback-box.ts'
import { Health } from './health.ts'
import type { CommandHistory } from './history/command-history.ts'
import { historyOfPerson } from './history/history-of-person.ts'
import { openCommandHistory } from './history/open-command-history.ts'
import type { Secrets } from './secrets.ts'

/** What somebody who takes this machine over can deny. */
const AUDIT_ANCHOR_INTERVAL_MS = 60 * 60_000

/** What a node writes down about its own use and state. */
export interface Bookkeeping {
  history: CommandHistory
  audit: AuditLog
  feedback: FeedbackBox
  personalData: PersonalDataRegistry
  health: Health
  breakers: CircuitBreakers
  /** What is to be done again and again. */
  job: BackgroundJob
}

/** Opens the books. Before the records start: the audit log's anchor is a kind of record. @throws ConfigError */
export async function openBookkeeping(
  parts: {
    index: IndexDatabase
    key: SigningKey
    records: RecordSets
    clock: Clock
    random: Random
    log: Logger
    metrics: Metrics
  },
  config: NodeConfig,
  outside: { secrets: Secrets; awsRegion: string },
): Promise<Bookkeeping> {
  const { index, key, records, clock, random, log, metrics } = parts
  const breakers = new CircuitBreakers({ clock, metrics })
  const history = await openCommandHistory(
    { index, clock, random, log: log.named('history'), breakers },
    config,
    outside,
  )
  const anchors = [new SpaceAnchor(records, key.peerId)]
  const audit = new AuditLog({ index, key, random, log: log.named('audit') }, anchors)
  const feedback = new FeedbackBox({ index, clock })
  const personalData = new PersonalDataRegistry()
  for (const source of [historyOfPerson(history), feedback, audit]) personalData.add(source)
  return {
    history,
    audit,
    feedback,
    personalData,
    health: new Health({ clock, log: log.named('health') }),
    breakers,
    job: {
      name: 'audit anchor',
      intervalMs: AUDIT_ANCHOR_INTERVAL_MS,
      run: async (signal) => {
        await audit.anchor(signal)
      },
    },
  }
}
