/** Against dynalite, which checks every request as DynamoDB does and knows its errors. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import dynalite from 'dynalite'
import { CircuitBreaker } from '../../core/circuit-breaker.ts'
import { SystemClock } from '../../core/clock.ts'
import { isKizunaError } from '../../core/kizuna-error.ts'
import { silentLogger } from '../../core/log.ts'
import { SeededRandom } from '../../core/random.ts'
import { Secret } from '../../core/secret.ts'
import { commandHistorySuite } from './command-history.suite.ts'
import { DynamoDbClient } from './dynamodb-client.ts'
import { DynamoDbCommandHistory } from './dynamodb-command-history.ts'

const clock = new SystemClock()
const server = dynalite({ createTableMs: 1, deleteTableMs: 1, updateTableMs: 1 })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
after(() => server.close())
const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

function client(at = endpoint): DynamoDbClient {
  const breaker = new CircuitBreaker(clock, { what: 'It', failuresMax: 50, openMs: 1_000, openMsMax: 1_000 })
  return new DynamoDbClient(
    { clock, random: new SeededRandom(1), breaker },
    {
      endpoint: at,
      region: 'eu-central-1',
      accessKeyId: new Secret('AKIDEXAMPLE'),
      secretAccessKey: new Secret('a-secret-key'),
    },
  )
}

let tables = 0
async function open(table = `history-${tables++}`) {
  const history = new DynamoDbCommandHistory({ client: client(), clock, log: silentLogger }, { table })
  await history.prepare(clock)
  return history
}

commandHistorySuite('DynamoDB', async () => {
  const history = await open()
  return { history, settle: () => history.stop() }
})

test('a table that is there is used as it is', async () => {
  const table = 'history-again'
  const first = await open(table)
  const entry = {
    correlationId: '0'.repeat(12),
    at: 5,
    caller: 'cli',
    command: 'get',
    outcome: 'ok',
    durationMs: 1,
  }
  first.note(entry)
  await first.stop()
  assert.deepEqual(await (await open(table)).list({}), [entry])
})

test('a DynamoDB that refuses or cannot be reached costs entries and not commands', async () => {
  const nowhere = new DynamoDbCommandHistory(
    { client: client('http://127.0.0.1:9'), clock, log: silentLogger },
    { table: 'history-nowhere' },
  )
  nowhere.note({ correlationId: 'c', at: 5, caller: 'cli', command: 'get', outcome: 'ok', durationMs: 1 })
  await nowhere.stop()
  await assert.rejects(nowhere.list({}), (error: unknown) => isKizunaError(error, 'DYNAMODB_FAILED'))
  const missing = new DynamoDbCommandHistory(
    { client: client(), clock, log: silentLogger },
    { table: 'history-that-nobody-made' },
  )
  await assert.rejects(missing.list({}), (error: unknown) => {
    assert.ok(isKizunaError(error, 'DYNAMODB_FAILED'))
    return error.details.type === 'ResourceNotFoundException'
  })
})

test('a service that is busy is asked again within a budget, and what never helps is asked once [A-67]', async () => {
  const asked: number[] = []
  const answers = [
    { status: 400, body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}' },
    { status: 500, body: '{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}' },
    { status: 200, body: '{"fine":true}' },
  ]
  let always: (typeof answers)[number] | undefined
  const busy = createServer((request, response) => {
    asked.push(performance.now())
    request.resume()
    const { status, body } = always ?? answers[asked.length - 1] ?? { status: 500, body: 'no JSON' }
    response.writeHead(status).end(body)
  })
  busy.listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const dynamo = client(`http://127.0.0.1:${(busy.address() as AddressInfo).port}`)
  try {
    assert.deepEqual(await dynamo.call('Query', {}), { fine: true })
    assert.equal(asked.length, 3)
    assert.ok((asked[2] ?? 0) - (asked[0] ?? 0) >= 250, 'with waits between')
    asked.length = 0
    always = { status: 400, body: '{"__type":"x#ValidationException"}' }
    await assert.rejects(dynamo.call('Query', {}), (error: unknown) =>
      isKizunaError(error, 'DYNAMODB_FAILED'),
    )
    assert.equal(asked.length, 1)
    asked.length = 0
    always = answers[0]
    await assert.rejects(dynamo.call('Query', {}), (error: unknown) =>
      isKizunaError(error, 'DYNAMODB_FAILED'),
    )
    assert.equal(asked.length, 4)
  } finally {
    busy.close()
  }
})
