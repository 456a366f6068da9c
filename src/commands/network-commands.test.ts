/** The commands about this node and the others, on whole nodes with a network in memory, given the way the apps give them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { eventually, readAll, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'
import { commandList } from './command-list.ts'

const LIMIT = { timeout: 60_000 }
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

test('sync exchanges with everybody now and reports what and how long [K-55]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
  await nodes.join(a, b)
  await ask(a, 'share', { text: 'something' })
  const report = await ask(b, 'sync')
  assert.equal(report.peers, 1)
  const fields = ['recordsSent', 'recordsReceived', 'keysSent', 'keysReceived', 'durationMs']
  assert.deepEqual(
    fields.filter((field) => !Number.isInteger(report[field])),
    [],
  )
  assert.equal((await ask(b, 'list')).total, 1)
})

test('invite makes a link by which join enters; what was shared before comes along', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory({ admission: 'invite' }), await nodes.startInMemory()]
  await ask(b, 'share', { text: 'mine from before', name: 'before.txt' })
  const { link, uses } = await ask(a, 'invite', { single: true, expires: '1h' })
  assert.equal(uses, 'single')
  const joined = await ask(b, 'join', { link })
  assert.deepEqual([joined.members, joined.admission], [2, 'invite'])
  await eventually('the space lists what came along', async () => (await ask(a, 'list')).total === 1)
  await assert.rejects(ask(a, 'join', { link: 'kizuna://join/rubbish' }), withCode('INVALID_INVITE'))
  const second = await ask(a, 'invite')
  assert.equal((await ask(a, 'invite', { revoke: second.id })).revoked, true)
  await assert.rejects(ask(a, 'invite', { expires: '0h' }), withCode('INVALID_INPUT'))
})

test('doctor names the step that fails, and shows who has which chunk [B-31]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
  await nodes.join(a, b)
  const { id } = await ask(a, 'share', { text: 'x'.repeat(300_000), copies: 1 })
  const well = await ask(b, 'doctor', { id, chunks: true })
  assert.equal(well.readable, true)
  assert.ok(well.chunkMap.length >= 2)
  assert.ok(
    well.chunkMap.every(({ peers }: { peers: string[] }) => peers.includes(a.services.network.peerId)),
  )
  const missing = await ask(b, 'doctor', { id: contentIdOf(Buffer.from('nobody has this')) })
  assert.equal(missing.readable, false)
  assert.ok(missing.steps.some(({ outcome }: { outcome: string }) => outcome === 'failed'))
  const node = await ask(b, 'doctor')
  assert.equal(node.healthy, true)
})

test('config lists, shows and changes settings', LIMIT, async () => {
  await using nodes = new TestNodes()
  const a = await nodes.startInMemory()
  assert.ok((await ask(a, 'config')).settings.length > 30)
  const changed = await ask(a, 'config', { action: 'set', key: 'uploadBytesPerSecondMax', value: '1MB' })
  assert.deepEqual([changed.inForce, changed.settings[0].value], [true, 1e6])
  assert.equal(
    (await ask(a, 'config', { action: 'get', key: 'uploadBytesPerSecondMax' })).settings[0].stored,
    1e6,
  )
  const port = await ask(a, 'config', { action: 'set', key: 'downloadPeersMax', value: '7' })
  assert.equal(port.inForce, false)
  await assert.rejects(
    ask(a, 'config', { action: 'set', key: 'port', value: 'x' }),
    withCode('CONFIG_INVALID'),
  )
  await assert.rejects(ask(a, 'config', { action: 'get', key: 'colour' }), withCode('UNKNOWN_SETTING'))
})

test('help explains all commands or one', LIMIT, async () => {
  await using nodes = new TestNodes()
  const a = await nodes.startInMemory()
  assert.equal((await ask(a, 'help')).commands.length, commandList.length)
  const [share] = (await ask(a, 'help', { command: 'share' })).commands
  assert.equal(share.name, 'share')
  await assert.rejects(ask(a, 'help', { command: 'shrae' }), withCode('INVALID_INPUT'))
})

test(
  'everything works without any server: each member can be stopped, and the others share on [K-85]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b, c] = [await nodes.startInMemory(), await nodes.startInMemory(), await nodes.startInMemory()]
    await nodes.join(a, b, c)
    const { id } = await ask(a, 'share', { text: 'from the founder', copies: 3 })
    await a.stop()
    const again = await ask(b, 'share', { text: 'from another', copies: 2 })
    assert.equal(again.copies, 2)
    assert.equal((await readAll(c, id)).toString(), 'from the founder')
    assert.equal((await readAll(c, again.id)).toString(), 'from another')
    assert.ok((await ask(c, 'invite')).link.startsWith('kizuna://join/'))
  },
)
