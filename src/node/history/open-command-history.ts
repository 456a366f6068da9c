import type { Clock } from '../../core/clock.ts'
import { isKizunaError, toKizunaError } from '../../core/kizuna-error.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { IndexDatabase } from '../../storage/index-database.ts'
import type { CircuitBreakers } from '../circuit-breakers.ts'
import type { NodeConfig } from '../config-schema.ts'
import { ConfigError } from '../errors.ts'
import type { Secrets } from '../secrets.ts'
import type { CommandHistory } from './command-history.ts'
import { SqliteCommandHistory } from './sqlite-command-history.ts'

/** What a history is opened with. */
interface HistoryParts {
  index: IndexDatabase
  clock: Clock
  random: Random
  log: Logger
  breakers: CircuitBreakers
}

/**
 * The command history where the settings want it. What a driver needs is loaded only when it is chosen.
 * @throws ConfigError when what the chosen driver needs is missing
 */
export async function openCommandHistory(
  parts: HistoryParts,
  config: NodeConfig,
  outside: { secrets: Secrets; awsRegion: string },
): Promise<CommandHistory> {
  switch (config.historyDriver) {
    case 'sqlite':
      return new SqliteCommandHistory(parts)
    case 'dynamodb':
      return openDynamoDb(parts, config, outside)
    case 'mongodb':
      return openMongoDb(parts, config, outside.secrets)
  }
}

async function openDynamoDb(
  { clock, random, log, breakers }: HistoryParts,
  config: NodeConfig,
  outside: { secrets: Secrets; awsRegion: string },
): Promise<CommandHistory> {
  const { awsAccessKeyId, awsSecretAccessKey, awsSessionToken } = outside.secrets
  const { awsRegion: region } = outside
  if (awsAccessKeyId === undefined || awsSecretAccessKey === undefined || region === '')
    throw cannotOpen('needs AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION')
  const [{ DynamoDbClient }, { DynamoDbCommandHistory }] = await Promise.all([
    import('./dynamodb-client.ts'),
    import('./dynamodb-command-history.ts'),
  ])
  const client = new DynamoDbClient(
    { clock, random, breaker: breakers.of('dynamodb') },
    {
      endpoint: config.historyEndpoint || `https://dynamodb.${region}.amazonaws.com`,
      region,
      accessKeyId: awsAccessKeyId,
      secretAccessKey: awsSecretAccessKey,
      ...(awsSessionToken === undefined ? {} : { sessionToken: awsSessionToken }),
    },
  )
  const history = new DynamoDbCommandHistory({ client, clock, log }, { table: config.historyTable })
  noteFailure(log, history.prepare(clock))
  return history
}

async function openMongoDb(
  { clock, random, log, breakers }: HistoryParts,
  config: NodeConfig,
  { mongodbUri: uri }: Secrets,
): Promise<CommandHistory> {
  if (uri === undefined) throw cannotOpen('needs MONGODB_URI')
  const [{ MongoDbClient }, { MongoDbCommandHistory }] = await Promise.all([
    import('./mongodb-client.ts'),
    import('./mongodb-command-history.ts'),
  ])
  let client: InstanceType<typeof MongoDbClient>
  try {
    // Finding out that it is away takes seconds each time: those who ask wait for it twice.
    const breaker = breakers.of('mongodb', { failuresMax: 2 })
    client = new MongoDbClient(
      { clock, random, breaker },
      { uri, database: config.historyDatabase, collection: config.historyTable },
    )
  } catch (error) {
    if (!isKizunaError(error, 'MONGODB_FAILED')) throw error
    throw cannotOpen('needs a MONGODB_URI that the MongoDB driver takes (mongodb://… or mongodb+srv://…)')
  }
  const history = new MongoDbCommandHistory({ client, clock, log })
  noteFailure(log, history.prepare())
  return history
}

/** A node starts without it: entries wait, and what cannot be written is said in the log. */
function noteFailure(log: Logger, preparing: Promise<void>): void {
  preparing.catch((error) => log.warn('history table not ready', { code: toKizunaError(error).code }))
}

function cannotOpen(reason: string): ConfigError {
  return new ConfigError({ faults: [{ key: 'historyDriver', source: 'environment', reason }] })
}
