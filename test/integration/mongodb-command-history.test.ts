/** The command history in MongoDB, by the real driver against a server that is as strict as MongoDB's. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { CircuitBreaker } from '../../src/core/circuit-breaker.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { silentLogger } from '../../src/core/log.ts'
import { Secret } from '../../src/core/secret.ts'
import { commandHistorySuite } from '../../src/node/history/command-history.suite.ts'
import type { HistoryEntry } from '../../src/node/history/command-history.ts'
import { historyOfPerson } from '../../src/node/history/history-of-person.ts'
import { MongoDbClient } from '../../src/node/history/mongodb-client.ts'
import { MongoDbCommandHistory } from '../../src/node/history/mongodb-command-history.ts'
import { MongoStandIn } from '../fixtures/mongo-stand-in.ts'
import {
  clock,
  DATABASE,
  entry,
  listeningLogger,
  NOWHERE,
  PASSWORD,
  random,
} from './mongodb-history-world.ts'

const server = await MongoStandIn.start()
after(async () => {
  await server.stop()
  assert.deepEqual(server.strays, [], 'no server would have taken this')
})

function client(uri: string, collection: string): MongoDbClient {
  const breaker = new CircuitBreaker(clock, { what: 'It', failuresMax: 50, openMs: 1_000, openMsMax: 1_000 })
  return new MongoDbClient(
    { clock, random, breaker },
    { uri: new Secret(uri), database: DATABASE, collection },
  )
}

let collections = 0
function open(
  collection = `history-${collections++}`,
  { uri = `mongodb://${server.address}/`, log = silentLogger } = {},
) {
  const history = new MongoDbCommandHistory({ client: client(uri, collection), clock, log })
  const stored = server.collection(`${DATABASE}.${collection}`)
  return { history, stored, [Symbol.asyncDispose]: () => history.stop() }
}

commandHistorySuite('MongoDB', async () => {
  const { history } = open()
  return { history, settle: async () => void (await history.list({ limit: 1 })) }
})

test('a collection that is there is used as it is, and an index that its owner changed stays', async () => {
  const collection = 'history-again'
  const first = open(collection)
  first.history.note(entry())
  await first.history.stop()
  const indexes = first.stored.indexes.map(({ name }) => name)
  assert.deepEqual(indexes, ['_id_', 'by-caller', 'by-command', 'by-group', 'expiry'])
  const expiry = first.stored.indexes.find(({ name }) => name === 'expiry')
  assert.ok(expiry !== undefined)
  expiry.expireAfterSeconds = 60
  await using again = open(collection)
  await again.history.prepare()
  assert.deepEqual(await again.history.list({}), [entry()])
  assert.equal(expiry.expireAfterSeconds, 60)
})

test('entries go after a year', async () => {
  await using place = open()
  const at = Date.UTC(2026, 0, 1)
  place.history.note(entry({ at }))
  place.history.note(entry({ at: at + 1_000 }))
  assert.equal((await place.history.list({})).length, 2)
  place.stored.expire(at + 365 * 86_400_000)
  assert.deepEqual(await place.history.list({}), [entry({ at: at + 1_000 })])
})

test('a person gets every entry of theirs, over all pages, and a summary counts all', async () => {
  await using place = open()
  for (let count = 0; count < 2_500; count++) {
    const correlationId = String(count).padStart(12, '0')
    place.history.note(entry({ correlationId, at: 1_000_000 + Math.floor(count / 7), caller: 'discord:oak' }))
  }
  const seen = new Set<string>()
  for await (const item of historyOfPerson(place.history).exportOf('discord:oak'))
    seen.add((item as HistoryEntry).correlationId)
  assert.equal(seen.size, 2_500)
  assert.ok(server.asked.includes('getMore'), 'it came in several answers')
  assert.equal((await place.history.summary({}))[0]?.count, 2_500)
  assert.equal(await historyOfPerson(place.history).eraseOf('discord:oak'), 2_500)
  assert.deepEqual(place.stored.documents, [])
})

test('what looks like an operator is text, stored and looked for', async () => {
  await using place = open()
  const texts = ["{ $gt: '' }", '{"$gt":""}', '$where', '$caller', 'a.$.b', 'nul\0led']
  for (const [count, text] of texts.entries())
    place.history.note(
      entry({ at: count + 1, caller: text, group: text, command: text, action: text, outcome: text }),
    )
  for (const [count, text] of texts.entries()) {
    const expected = [
      entry({ at: count + 1, caller: text, group: text, command: text, action: text, outcome: text }),
    ]
    assert.deepEqual(await place.history.list({ caller: text, group: text, command: text }), expected)
  }
  assert.ok(place.stored.documents.every(({ caller }) => typeof caller === 'string'))
  // Not even a document, that a fault of ours lets through, matches what it was not written for.
  const operator = { $gt: '' } as unknown as string
  assert.deepEqual(await place.history.list({ caller: operator }), [])
  assert.equal(await place.history.erase(operator), 0)
  place.history.note(entry({ at: 99, caller: operator }))
  assert.equal((await place.history.list({ since: 99 }))[0]?.caller, '[object Object]')
  assert.equal(await place.history.erase("{ $gt: '' }"), 1)
  assert.equal(place.stored.documents.length, texts.length)
})

test('documents of others in the collection break nothing', async () => {
  await using place = open()
  place.stored.documents.push(
    { _id: 7, caller: { $gt: '' }, group: 3, durationMs: 'long', at: 'noon' },
    { _id: 'z' },
  )
  const empty = { correlationId: '', at: 0, command: '', caller: '', outcome: '', durationMs: 0 }
  assert.deepEqual(await place.history.list({}), [{ ...empty, group: '' }, empty])
  assert.equal((await place.history.summary({}))[0]?.count, 2)
})

test('what was written and whose answer was lost is written once [A-67]', async () => {
  const heard: string[] = []
  await using place = open(undefined, { log: listeningLogger(heard) })
  server.fail('insert', 'lost answer')
  place.history.note(entry())
  place.history.note(entry({ at: 5 }))
  const before = server.asked.length
  assert.equal((await place.history.list({})).length, 2)
  assert.equal(place.stored.documents.length, 2)
  assert.equal(server.asked.slice(before).filter((name) => name === 'insert').length, 2)
  assert.deepEqual(heard, [])
})

test('a server that is busy is asked again within a budget, and what never helps is asked once [A-67]', async () => {
  await using place = open()
  await place.history.prepare()
  const asked = async (...faults: Parameters<typeof server.fail>[1][]) => {
    server.fail('find', ...faults)
    const before = server.asked.length
    const outcome = await place.history.list({}).then(
      () => 'ok',
      (error: unknown) => (isKizunaError(error, 'MONGODB_FAILED') ? error.details.type : error),
    )
    return [outcome, server.asked.slice(before).filter((name) => name === 'find').length]
  }
  const busy = { code: 10_107, codeName: 'NotWritablePrimary' }
  assert.deepEqual(await asked(busy, 'lost answer'), ['ok', 3])
  assert.deepEqual(await asked(busy, busy, busy, busy), ['NotWritablePrimary', 3])
  assert.deepEqual(await asked({ code: 13, codeName: 'Unauthorized' }), ['Unauthorized', 1])
  const start = clock.monotonic()
  server.fail('find', 'silence')
  await assert.rejects(place.history.list({}), (error: unknown) => isKizunaError(error, 'MONGODB_FAILED'))
  const tookMs = clock.monotonic() - start
  assert.ok(tookMs > 3_000 && tookMs < 15_000, `it is waited for within a limit: ${tookMs} ms`)
})

test('a server that says nothing does not hold up a node that stops', async () => {
  const { history } = open()
  await history.prepare()
  server.fail('insert', 'silence')
  history.note(entry())
  const start = clock.monotonic()
  await history.stop()
  assert.ok(clock.monotonic() - start < 2_500)
  await assert.rejects(history.list({}), (error: unknown) => isKizunaError(error, 'MONGODB_FAILED'))
})

test('a server that comes later, or goes and comes back, is used again', async () => {
  const first = await MongoStandIn.start()
  const { address } = first
  const port = Number(address.split(':')[1])
  await first.stop()
  await using place = open('history-later', { uri: `mongodb://${address}/` })
  await assert.rejects(place.history.list({}), (error: unknown) => isKizunaError(error, 'MONGODB_FAILED'))
  for (const at of [1, 2]) {
    const server = await MongoStandIn.start(port)
    try {
      place.history.note(entry({ at }))
      assert.deepEqual(await place.history.list({}), [entry({ at })])
    } finally {
      await server.stop()
    }
    assert.deepEqual(server.strays, [])
  }
  place.history.note(entry())
})

test('a MongoDB that refuses or cannot be reached costs entries and not commands, and shows no password', async () => {
  const heard: string[] = []
  const cases = [
    { place: NOWHERE, type: 'it cannot be reached' },
    { place: server.address, type: 'AuthenticationFailed' },
  ]
  for (const { place, type } of cases) {
    const uri = `mongodb://oak:${PASSWORD}@${place}/admin`
    await using away = open('history-away', { uri, log: listeningLogger(heard) })
    away.history.note(entry())
    await assert.rejects(away.history.list({}), (error: unknown) => {
      heard.push(inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error))
      assert.ok(isKizunaError(error, 'MONGODB_FAILED'))
      return error.details.type === type
    })
  }
  assert.match(heard.join('\n'), /history not written/)
  assert.ok(!heard.join('\n').includes(PASSWORD))
  assert.ok(!inspect(client(`mongodb://oak:${PASSWORD}@${NOWHERE}/`, 'x'), { depth: 1 }).includes(PASSWORD))
})
