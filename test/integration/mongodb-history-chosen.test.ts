/** A node whose settings ask for its command history in MongoDB, and one whose settings do not. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { ask } from '../../src/commands/ask.suite.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { Secret } from '../../src/core/secret.ts'
import { CircuitBreakers } from '../../src/node/circuit-breakers.ts'
import { loadConfig } from '../../src/node/config.ts'
import { createNode } from '../../src/node/create-node.ts'
import { openCommandHistory } from '../../src/node/history/open-command-history.ts'
import { TestNodes } from '../../src/node/start-nodes.suite.ts'
import { openIndexDatabase } from '../../src/storage/index-database.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
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

const LIMIT = { timeout: 60_000 }

function opening(settings: Record<string, unknown>, uri?: string) {
  const breakers = new CircuitBreakers({ clock, metrics: createMetrics({ processMetrics: false }) })
  const heard: string[] = []
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const config = loadConfig({ userHome: '/nowhere', flags: settings })
  const opened = openCommandHistory({ index, clock, random, log: listeningLogger(heard), breakers }, config, {
    secrets: uri === undefined ? {} : { mongodbUri: new Secret(uri) },
    awsRegion: '',
  })
  return { opened, breakers, heard }
}

test('the setting brings it; without an address, or with one that is none, a node says so and no password [A-35]', async () => {
  const server = await MongoStandIn.start()
  const { opened } = opening(
    { historyDriver: 'mongodb', historyTable: 'chosen' },
    `mongodb://${server.address}`,
  )
  const history = await opened
  history.note(entry())
  assert.deepEqual(await history.list({}), [entry()])
  await history.stop()
  await server.stop()
  assert.deepEqual(server.strays, [])
  assert.equal(server.collection(`${DATABASE}.chosen`).documents.length, 1)

  await assert.rejects(opening({ historyDriver: 'mongodb' }).opened, /needs MONGODB_URI/)
  const bad = [
    `http://oak:${PASSWORD}@host/`,
    `mongodb://oak:${PASSWORD}`,
    `mongodb://oak:${PASSWORD}@host:port/`,
    `mongodb://oak:${PASSWORD}/with@slash/`,
    `mongodb://oak:${PASSWORD}@host/?minPoolSize=${PASSWORD}`,
  ]
  for (const uri of bad) {
    await assert.rejects(opening({ historyDriver: 'mongodb' }, uri).opened, (error: unknown) => {
      assert.ok(isKizunaError(error, 'CONFIG_INVALID'), inspect(error))
      return !inspect(error, { depth: 20, showHidden: true }).includes(PASSWORD)
    })
  }
  for (const historyTable of ['system.users', '.hidden', 'two..dots', 'x'.repeat(200)])
    assert.throws(
      () => loadConfig({ userHome: '/nowhere', flags: { historyDriver: 'mongodb', historyTable } }),
      /historyTable/,
    )
})

test('the user in the address signs in where it says, and a wrong password is refused without being shown', async () => {
  const server = await MongoStandIn.start()
  server.users.push({ name: 'oak', password: PASSWORD, database: 'people' })
  const heard: string[] = []
  const open = async (secret: string, database: string) => {
    const uri = `mongodb://oak:${secret}@${server.address}/${database}`
    const node = opening({ historyDriver: 'mongodb', historyDatabase: 'forest' }, uri)
    const history = await node.opened
    history.note(entry())
    const outcome = await history.list({}).catch((error: unknown) => {
      heard.push(inspect(error, { depth: 20, showHidden: true }))
      return isKizunaError(error, 'MONGODB_FAILED') ? error.details.type : error
    })
    await history.stop()
    heard.push(...node.heard)
    return outcome
  }
  assert.deepEqual(await open(PASSWORD, 'people'), [entry()])
  assert.equal(server.collection('forest.CommandHistoryTable').documents.length, 1)
  assert.equal(await open(`${PASSWORD}-not`, 'people'), 'AuthenticationFailed')
  assert.equal(await open(PASSWORD, 'elsewhere'), 'AuthenticationFailed')
  await server.stop()
  assert.deepEqual(server.strays, [])
  assert.ok(heard.length > 0 && !heard.join('\n').includes(PASSWORD))
})

test('a server that is away opens the circuit, so that nobody waits for it again and again', async () => {
  const { opened, breakers, heard } = opening(
    { historyDriver: 'mongodb' },
    `mongodb://oak:${PASSWORD}@${NOWHERE}`,
  )
  const history = await opened
  await assert.rejects(history.list({}), (error: unknown) => isKizunaError(error, 'MONGODB_FAILED'))
  assert.equal(breakers.states().mongodb, 'open')
  const start = clock.monotonic()
  await assert.rejects(history.list({}), (error: unknown) => isKizunaError(error, 'CIRCUIT_OPEN'))
  assert.ok(clock.monotonic() - start < 1_000)
  await history.stop()
  assert.match(heard.join('\n'), /history table not ready/)
  assert.ok(!heard.join('\n').includes(PASSWORD))
})

test(
  'a node notes there what it is asked, says so in its status, and goes on when it is away [A-35]',
  LIMIT,
  async () => {
    const heard: string[] = []
    await using nodes = new TestNodes()
    const own = await MongoStandIn.start()
    const uri = `mongodb://${own.address}/?appName=${PASSWORD}`
    const node = await createNode(nodes.configOf({ historyDriver: 'mongodb' }), {
      log: listeningLogger(heard),
      network: (key) => nodes.hub.createNetwork(key),
      secrets: { mongodbUri: new Secret(uri) },
    })
    const health = async () => {
      const answer = await ask(node, 'status')
      heard.push(JSON.stringify(answer))
      return answer.health.find(({ name }: { name: string }) => name === 'history (mongodb)')
    }
    try {
      await node.start()
      await ask(node, 'ping')
      const { entries } = await ask(node, 'history', { everybody: true })
      assert.deepEqual(
        entries.map(({ command }: { command: string }) => command),
        ['ping'],
      )
      assert.equal((await health()).state, 'ok')
      await own.stop()
      await ask(node, 'ping')
      await assert.rejects(ask(node, 'history'), (error: unknown) => isKizunaError(error, 'MONGODB_FAILED'))
      assert.match((await ask(node, 'ping')).message, /./)
      const { state, error } = await health()
      assert.deepEqual([state, error], ['degraded', 'it does not answer; commands go on and are not noted'])
      heard.push(JSON.stringify(await ask(node, 'config')), JSON.stringify(node.services.config))
    } finally {
      await node.stop()
    }
    assert.ok(heard.length > 0 && !heard.join('\n').includes(PASSWORD))
    assert.deepEqual(own.strays, [])
  },
)

test('a node that keeps its history elsewhere does not load the driver [A-35]', () => {
  const program = `
    import { createRequire } from 'node:module'
    const at = (path) => new URL(path, ${JSON.stringify(import.meta.url)}).href
    const loaded = () => Object.keys(createRequire(at('.')).cache).some((path) => path.includes('/mongodb/'))
    const { createNode } = await import(at('../../src/node/create-node.ts'))
    const { loadConfig } = await import(at('../../src/node/config.ts'))
    const { openCommandHistory } = await import(at('../../src/node/history/open-command-history.ts'))
    await import(at('../../src/index.ts'))
    await import(at('../../src/apps/cli/run-cli.ts'))
    await import(at('../../src/apps/http/create-app.ts'))
    const config = loadConfig({ userHome: '/nowhere', flags: {} })
    await openCommandHistory({ index: { migrate() {} } }, config, { secrets: {}, awsRegion: '' })
    const before = loaded()
    await import(at('../../src/node/history/mongodb-client.ts'))
    process.stdout.write(JSON.stringify([typeof createNode, before, loaded()]))
  `
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.equal(run.stdout, '["function",false,true]', run.stderr)
})
