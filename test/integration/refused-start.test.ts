/** A node that cannot start says why in words, with an honest exit code, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finished, runKizuna } from '../fixtures/kizuna-process.ts'
import { errorOf, NodeGroup, QUIET_FLAGS, wordsOf } from '../fixtures/node-group.ts'

let group: NodeGroup
before(() => {
  group = new NodeGroup()
})
after(() => group[Symbol.asyncDispose]())

test('a second node on one data folder is refused, and the first goes on', async () => {
  const first = await group.start('single')
  const refused = await refusedStart(first.place.home, [...QUIET_FLAGS, '--api-port', '0'])
  const error = errorOf(refused)
  assert.deepEqual([error.code, error.kind, refused.code], ['NODE_RUNNING', 'conflict', 5])
  assert.ok(error.message.includes(String(first.pid)), 'it names the process')
  assert.ok(error.message.includes(first.place.home), 'it names the folder')
  assert.equal((await first.json('ping')).message, 'Pong!')
  const shared = await first.json('share', '--text', 'still at work')
  assert.equal(shared.chunks, 1)
  await first.stop()
})

describe('a port that is taken', () => {
  const server = createServer()
  let port = 0
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as { port: number }).port
  })
  after(() => server.close())

  for (const flag of ['--port', '--ws-port', '--dht-port', '--api-port']) {
    test(`is named, given by ${flag}, and the data folder is free afterwards`, async () => {
      const home = group.path(`taken${flag}`)
      const others = ['--api-port', '--port'].filter((other) => other !== flag)
      const flags = [
        '--host',
        '127.0.0.1',
        '--no-mdns',
        '--no-upnp',
        ...others.flatMap((other) => [other, '0']),
      ]
      const refused = await refusedStart(home, [...flags, flag, String(port)])
      const error = errorOf(refused)
      assert.deepEqual([error.kind, refused.code], ['conflict', 5])
      assert.equal(error.code, flag === '--api-port' ? 'API_ADDRESS_TAKEN' : 'PORT_TAKEN')
      assert.match(error.message, new RegExp(`\\b${port}\\b`))
      assert.ok(error.hint.length > 0)
      assert.ok(!existsSync(join(home, 'lock')))
    })
  }
})

describe('a configuration that cannot be used', () => {
  test('is refused with all its faults at once, whatever place they come from, with exit code 2', async () => {
    const home = group.path('faulty')
    mkdirSync(home)
    writeFileSync(
      join(home, 'config.json'),
      JSON.stringify({ port: 99_999, role: 'king', colour: 'red', bootstrap: ['nowhere'] }),
    )
    const environment = { KIZUNA_COPIES: 'many', KIZUNA_NONSENSE: '1' }
    for (const words of [
      ['start', '--json', '--api-port', '70000'],
      ['status', '--json'],
    ]) {
      const refused = await runKizuna({ home, environment }, [...words], '')
      const error = errorOf(refused)
      assert.deepEqual([error.code, error.kind, refused.code], ['CONFIG_INVALID', 'invalid', 2])
      const keys = ((error.details?.faults ?? []) as { key: string }[]).map(({ key }) => key)
      const expected = ['port', 'role', 'colour', 'KIZUNA_NONSENSE', 'copies']
      if (words[0] === 'start') expected.push('apiPort')
      for (const key of expected) assert.ok(keys.includes(key), `${key} is among ${keys}`)
      for (const key of expected) assert.ok(error.message.includes(key), 'people see all of them too')
    }
    const asText = await runKizuna({ home, environment }, ['start'], '')
    assert.match(wordsOf(asText), /^The configuration has \d faults: .+\n {2}.+$/)
    assert.deepEqual(readdirSync(home), ['config.json'], 'nothing was made')
  })

  test('is refused when it is no JSON, an array, too long or a folder', async () => {
    const home = group.path('unreadable')
    mkdirSync(home)
    const path = join(home, 'config.json')
    const cases: [string, () => void][] = [
      ['JSON', () => writeFileSync(path, '{ "port": 4001, ')],
      ['object', () => writeFileSync(path, '[]')],
      ['longer', () => writeFileSync(path, Buffer.alloc(300_000, ' '))],
      ['EISDIR', () => mkdirSync(path)],
    ]
    for (const [word, make] of cases) {
      rmSync(path, { recursive: true, force: true })
      make()
      const refused = await refusedStart(home, [...QUIET_FLAGS])
      const error = errorOf(refused)
      assert.deepEqual([error.code, refused.code], ['CONFIG_INVALID', 2])
      assert.match(error.message, new RegExp(word))
    }
  })
})

describe('a data folder that cannot be used', () => {
  test('is refused when it is a file', async () => {
    const home = group.path('file-as-home')
    writeFileSync(home, '')
    const refused = await refusedStart(home, [...QUIET_FLAGS])
    assert.deepEqual([errorOf(refused).code, refused.code], ['HOME_UNUSABLE', 2])
    assert.match(errorOf(refused).message, /file-as-home/)
  })

  test('is refused when this user may not read or write it', otherUser(), async () => {
    const prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    const words = ['start', '--json', '--stop-with-parent', '--api-port', '0', ...QUIET_FLAGS]
    chmodSync(group.folder, 0o755)
    for (const [mode, code, reason] of [
      [0o755, 'HOME_UNUSABLE', /belongs to another user/],
      [0o700, 'CONFIG_INVALID', /EACCES/],
    ] as const) {
      const home = group.path(`of-somebody-else-${mode}`)
      mkdirSync(home)
      chmodSync(home, mode)
      const refused = await runKizuna({ home, prefix, environment: { HOME: '/nonexistent' } }, words, '')
      const error = errorOf(refused)
      assert.deepEqual([error.code, error.kind, refused.code], [code, 'invalid', 2])
      assert.match(error.message, reason)
    }
  })

  test('keeps its secrets to its owner', async () => {
    const node = await group.start('private')
    const modeOf = (name: string) => (statSync(join(node.place.home, name)).mode & 0o777).toString(8)
    assert.deepEqual(['', 'identity.key', 'api.json'].map(modeOf), ['700', '600', '600'])
    await node.stop()
  })
})

/** Starts a node that must not start; standard input ends at once, so that one that starts all the same stops. */
async function refusedStart(home: string, flags: readonly string[]): Promise<Finished> {
  const finished = await runKizuna({ home }, ['start', '--json', '--stop-with-parent', ...flags], '')
  assert.equal(finished.stdout, '', 'it did not start')
  return finished
}

function otherUser(): { skip?: string } {
  if (process.getuid?.() !== 0) return { skip: 'NOT TESTED: becoming another user needs root' }
  const probe = spawnSync('setpriv', [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    process.execPath,
    '--eval',
    `require('node:fs').readFileSync(${JSON.stringify(import.meta.filename)})`,
  ])
  return probe.status === 0 ? {} : { skip: 'NOT TESTED: another user cannot read this checkout' }
}
