import type { Clock } from '../../core/clock.ts'
import { toKizunaError } from '../../core/kizuna-error.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { IndexDatabase } from '../../storage/index-database.ts'
import type { CircuitBreakers } from '../circuit-breakers.ts'
import type { NodeConfig } from '../config-schema.ts'
import { ConfigError } from '../errors.ts'
import type { Secrets } from '../secrets.ts'
import type { CommandHistory } from './command-history.ts'
import { SqliteCommandHistory } from './sqlite-command-history.ts'

/**
 * The command history where the settings want it.
 * @throws ConfigError when DynamoDB is wanted and its keys or its place are missing
 */
export async function openCommandHistory(
  parts: {
    index: IndexDatabase
    clock: Clock
    random: Random
    log: Logger
    breakers: CircuitBreakers
  },
  config: NodeConfig,
  outside: { secrets: Secrets; awsRegion: string },
): Promise<CommandHistory> {
  if (config.historyDriver === 'sqlite') return new SqliteCommandHistory(parts)
  const { awsAccessKeyId, awsSecretAccessKey, awsSessionToken } = outside.secrets
  const { awsRegion: region } = outside
  if (awsAccessKeyId === undefined || awsSecretAccessKey === undefined || region === '') {
    const reason = 'needs AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION'
    throw new ConfigError({ faults: [{ key: 'historyDriver', source: 'environment', reason }] })
  }
  const [{ DynamoDbClient }, { DynamoDbCommandHistory }] = await Promise.all([
    import('./dynamodb-client.ts'),
    import('./dynamodb-command-history.ts'),
  ])
  const { clock, log } = parts
  const client = new DynamoDbClient(
    { clock, random: parts.random, breaker: parts.breakers.of('dynamodb') },
    {
      endpoint: config.historyEndpoint || `https://dynamodb.${region}.amazonaws.com`,
      region,
      accessKeyId: awsAccessKeyId,
      secretAccessKey: awsSecretAccessKey,
      ...(awsSessionToken === undefined ? {} : { sessionToken: awsSessionToken }),
    },
  )
  const history = new DynamoDbCommandHistory({ client, clock, log }, { table: config.historyTable })
  // A node starts without it: entries wait, and what cannot be written is said in the log.
  history
    .prepare(clock)
    .catch((error) => log.warn('history table not ready', { code: toKizunaError(error).code }))
  return history
}
