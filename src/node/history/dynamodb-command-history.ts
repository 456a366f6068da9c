import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import {
  type CommandHistory,
  type CommandUse,
  HISTORY_LIMIT_MAX,
  type HistoryEntry,
  type HistoryQuery,
} from './command-history.ts'
import { countCommandUses } from './count-command-uses.ts'
import type { DynamoDbClient, DynamoItem, DynamoValue } from './dynamodb-client.ts'
import { EntryQueue } from './entry-queue.ts'

const LIMIT_DEFAULT = 50
/** Items that one BatchWriteItem takes. */
const BATCH_MAX = 25
/** Items that a question reads at most; what lies behind is not counted or found. */
const READ_MAX = 50_000
/** One partition for the index by time: this history is one node's, far below what one partition takes. */
const ALL = 'all'
const BY_COMMAND = 'by-command'
const BY_TIME = 'by-time'

interface Page {
  Items?: DynamoItem[]
  LastEvaluatedKey?: DynamoItem
}

/**
 * The history in a DynamoDB table, for several nodes of one community behind one bot. Key: `caller` and `at` with the
 * correlation id behind it; two indexes, by command and by time.
 */
export class DynamoDbCommandHistory implements CommandHistory {
  readonly #client: DynamoDbClient
  readonly #table: string
  readonly #queue: EntryQueue

  constructor(parts: { client: DynamoDbClient; clock: Clock; log: Logger }, options: { table: string }) {
    this.#client = parts.client
    this.#table = options.table
    this.#queue = new EntryQueue({ ...parts, write: (entries) => this.#write(entries) })
  }

  /** Makes the table when it is not there. @throws DynamoDbError */
  async prepare(clock: Clock): Promise<void> {
    const name = { TableName: this.#table }
    const isThere = await this.#status(name)
    if (isThere === 'ACTIVE') return
    if (isThere === undefined) await this.#client.call('CreateTable', { ...name, ...TABLE })
    while ((await this.#status(name)) !== 'ACTIVE') await clock.sleep(500)
  }

  note(entry: HistoryEntry): void {
    this.#queue.add(entry)
  }

  async list(query: HistoryQuery): Promise<HistoryEntry[]> {
    await this.#queue.flush()
    const limit = Math.min(query.limit ?? LIMIT_DEFAULT, HISTORY_LIMIT_MAX)
    const entries: HistoryEntry[] = []
    for await (const entry of this.#read(query)) {
      entries.push(entry)
      if (entries.length >= limit) break
    }
    return entries
  }

  async summary(query: Pick<HistoryQuery, 'group' | 'since'>): Promise<CommandUse[]> {
    await this.#queue.flush()
    return countCommandUses(this.#read(query))
  }

  async erase(caller: string): Promise<number> {
    await this.#queue.flush()
    const keys: DynamoItem[] = []
    for await (const entry of this.#read({ caller })) keys.push(keyOf(entry))
    await this.#batch(keys.map((Key) => ({ DeleteRequest: { Key } })))
    return keys.length
  }

  stop(): Promise<void> {
    return this.#queue.flush()
  }

  async #status(name: { TableName: string }): Promise<string | undefined> {
    try {
      const answer = await this.#client.call<{ Table?: { TableStatus?: string } }>('DescribeTable', name)
      return answer.Table?.TableStatus
    } catch (error) {
      if ((error as { type?: string }).type === 'ResourceNotFoundException') return undefined
      throw error
    }
  }

  async #write(entries: readonly HistoryEntry[]): Promise<void> {
    await this.#batch(entries.map((entry) => ({ PutRequest: { Item: itemOf(entry) } })))
  }

  async #batch(requests: readonly unknown[]): Promise<void> {
    for (let offset = 0; offset < requests.length; offset += BATCH_MAX) {
      let waiting: readonly unknown[] = requests.slice(offset, offset + BATCH_MAX)
      for (let tries = 0; waiting.length > 0 && tries < 10; tries++) {
        const answer = await this.#client.call<{ UnprocessedItems?: Record<string, unknown[]> }>(
          'BatchWriteItem',
          { RequestItems: { [this.#table]: waiting } },
        )
        waiting = answer.UnprocessedItems?.[this.#table] ?? []
      }
    }
  }

  /** Newest first, by the index that fits the question best; the rest is left out by a filter. */
  async *#read(query: HistoryQuery): AsyncGenerator<HistoryEntry> {
    const { expression, index, names, values } = conditionOf(query)
    const filters = [
      ...(query.group === undefined ? [] : ['#g = :g']),
      ...(query.command === undefined || index === BY_COMMAND ? [] : ['#c = :c']),
    ]
    let start: DynamoItem | undefined
    let read = 0
    do {
      const page: Page = await this.#client.call('Query', {
        TableName: this.#table,
        ...(index === undefined ? {} : { IndexName: index }),
        KeyConditionExpression: expression,
        ...(filters.length === 0 ? {} : { FilterExpression: filters.join(' AND ') }),
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
        ScanIndexForward: false,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      })
      for (const item of page.Items ?? []) {
        yield entryOf(item)
        if (++read >= READ_MAX) return
      }
      start = page.LastEvaluatedKey
    } while (start !== undefined)
  }
}

const TABLE = {
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: ['caller', 'moment', 'command', 'everything'].map((AttributeName) => ({
    AttributeName,
    AttributeType: 'S',
  })),
  KeySchema: keySchema('caller'),
  GlobalSecondaryIndexes: [
    { IndexName: BY_COMMAND, KeySchema: keySchema('command'), Projection: { ProjectionType: 'ALL' } },
    { IndexName: BY_TIME, KeySchema: keySchema('everything'), Projection: { ProjectionType: 'ALL' } },
  ],
}

function keySchema(partition: string) {
  return [
    { AttributeName: partition, KeyType: 'HASH' },
    { AttributeName: 'moment', KeyType: 'RANGE' },
  ]
}

function conditionOf(query: HistoryQuery) {
  const names: Record<string, string> = { '#m': 'moment' }
  const values: Record<string, DynamoValue> = {}
  const { caller, command, group, since, before } = query
  let index: string | undefined
  if (caller !== undefined) {
    names['#p'] = 'caller'
    values[':p'] = { S: caller }
  } else if (command !== undefined) {
    index = BY_COMMAND
    names['#p'] = 'command'
    values[':p'] = { S: command }
  } else {
    index = BY_TIME
    names['#p'] = 'everything'
    values[':p'] = { S: ALL }
  }
  if (group !== undefined) {
    names['#g'] = 'group'
    values[':g'] = { S: group }
  }
  if (command !== undefined && index !== BY_COMMAND) {
    names['#c'] = 'command'
    values[':c'] = { S: command }
  }
  values[':since'] = { S: momentOf(since ?? 0, '') }
  // BETWEEN takes both ends; a tilde comes after every digit and letter of an id.
  values[':until'] = { S: before === undefined ? '~' : momentOf(before - 1, '~') }
  return { expression: '#p = :p AND #m BETWEEN :since AND :until', index, names, values }
}

/** Sorts as the times do. */
function momentOf(at: number, correlationId: string): string {
  return `${String(at).padStart(15, '0')} ${correlationId}`
}

function keyOf({ caller, at, correlationId }: HistoryEntry): DynamoItem {
  return { caller: { S: caller }, moment: { S: momentOf(at, correlationId) } }
}

function itemOf(entry: HistoryEntry): DynamoItem {
  return {
    ...keyOf(entry),
    everything: { S: ALL },
    command: { S: entry.command },
    outcome: { S: entry.outcome },
    durationMs: { N: String(entry.durationMs) },
    ...(entry.group === undefined ? {} : { group: { S: entry.group } }),
    ...(entry.action === undefined ? {} : { action: { S: entry.action } }),
  }
}

function entryOf(item: DynamoItem): HistoryEntry {
  const text = (name: string) => {
    const value = item[name]
    return value !== undefined && 'S' in value ? value.S : ''
  }
  const duration = item.durationMs
  const [at = '', correlationId = ''] = text('moment').split(' ')
  return {
    correlationId,
    at: Number(at),
    caller: text('caller'),
    ...('group' in item ? { group: text('group') } : {}),
    command: text('command'),
    ...('action' in item ? { action: text('action') } : {}),
    outcome: text('outcome'),
    durationMs: duration !== undefined && 'N' in duration ? Number(duration.N) : 0,
  }
}
