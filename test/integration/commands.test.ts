/**
 * Every command as a person types it, between three real nodes: what it answers with `--json`, that its exit code is
 * honest, and that words it does not know are refused with what was probably meant.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { commandList } from '../../src/commands/command-list.ts'
import { type KizunaProcess, runKizuna } from '../fixtures/kizuna-process.ts'
import { bootstrapTo, errorOf, NodeGroup, wordsOf } from '../fixtures/node-group.ts'
import { sha256OfFile, writeSampleFile } from '../fixtures/sample-file.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const KIB = 1024
/** Members tell each other at once what they keep; a busy machine takes longer. */
const KNOWN_MS = 30_000

let group: NodeGroup
let oak: KizunaProcess
let ash: KizunaProcess
let elm: KizunaProcess

before(async () => {
  group = new NodeGroup()
  // All on one machine, and yet they are to hold copies for each other.
  const place = (name: string) => ['--failure-domain', name, '--label', name, '--gossip-interval-ms', '1s']
  oak = await group.start('oak', place('oak'))
  ;[ash, elm] = await Promise.all([
    group.start('ash', [...place('ash'), ...bootstrapTo(oak)]),
    group.start('elm', place('elm')),
  ])
})
after(() => group[Symbol.asyncDispose]())

test('invite and join bring a third machine into the space; peers, members and status show it [K-54]', async () => {
  const invite = await oak.json('invite', '--single')
  const joined = await elm.json('join', String(invite.link))
  assert.equal(joined.space, ((await oak.json('status')).space as { id: string }).id)
  await group.together(oak, ash, elm)

  const { peers } = (await oak.json('peers')) as unknown as { peers: { peer: string; label: string }[] }
  assert.deepEqual(
    peers.map(({ peer, label }) => [peer, label]).sort(),
    [
      [ash.peerId, 'ash'],
      [elm.peerId, 'elm'],
    ].sort(),
  )
  const status = await elm.json('status')
  assert.deepEqual([status.peerId, status.members, status.connectedPeers], [elm.peerId, 3, 2])
  const { members } = (await ash.json('members')) as unknown as { members: unknown[] }
  assert.equal(members.length, 3)

  const environment = { KIZUNA_MDNS: 'false', KIZUNA_UPNP: 'false', KIZUNA_HOST: '127.0.0.1' }
  const again = await runKizuna({ home: group.path('second'), environment }, [
    'join',
    String(invite.link),
    '--json',
  ])
  assert.deepEqual([errorOf(again).kind, again.code], ['denied', 3], 'an invite for one lets nobody in twice')
})

test('ping answers, and reaches a peer; one that does not exist is unavailable', async () => {
  assert.equal((await oak.json('ping')).message, 'Pong!')
  const pinged = await oak.json('ping', ash.peerId)
  assert.equal(pinged.message, 'Pong!')
  const nobody = await oak.run('ping', '12D3KooWJpp1iCE9TCSmBYNEQYWDUKrQDe6SHyp13KLFLXzogKDd', '--json')
  assert.deepEqual([errorOf(nobody).kind, nobody.code], ['unavailable', 7])
})

test('a file shared on one is listed, described and got on the others, from the path or to standard output [K-53]', async () => {
  const file = group.path('holiday.bin')
  const sha256 = await writeSampleFile(file, 700 * KIB, 11)
  const shared = await oak.json('share', file, '--copies', '2')
  assert.deepEqual([shared.sizeBytes, shared.chunks, shared.copies], [700 * KIB, 3, 2])
  const id = String(shared.id)
  const listed = await waitUntil('elm lists it', KNOWN_MS, async () => {
    const { files } = (await elm.json('list', 'holiday')) as unknown as { files: Record<string, unknown>[] }
    return files[0]
  })
  assert.deepEqual([listed.id, listed.name, listed.publisherLabel], [id, 'holiday.bin', 'oak'])
  const output = group.path('got.bin')
  const got = await elm.json('get', id, '--output', output)
  assert.deepEqual([got.sizeBytes, got.output], [700 * KIB, output])
  assert.equal(await sha256OfFile(output), sha256)
  const refused = await elm.run('get', id, '--output', output, '--json')
  assert.deepEqual([errorOf(refused).code, refused.code], ['OUTPUT_EXISTS', 5])

  const text = await oak.json('share', '--text', 'see you at eight', '--copies', '2')
  const printed = await ash.run('get', String(text.id), '--output', '-')
  assert.deepEqual([printed.stdout, printed.code], ['see you at eight', 0])
})

test('a folder comes back as a folder', async () => {
  const folder = group.path('album')
  mkdirSync(join(folder, 'inner'), { recursive: true })
  writeFileSync(join(folder, 'a.txt'), 'first')
  writeFileSync(join(folder, 'inner', 'b.txt'), 'second')
  const shared = await ash.json('share', folder, '--copies', '2')
  const output = group.path('album-again')
  await elm.json('get', String(shared.id), '--output', output)
  assert.equal(readFileSync(join(output, 'a.txt'), 'utf8'), 'first')
  assert.equal(readFileSync(join(output, 'inner', 'b.txt'), 'utf8'), 'second')
})

test('keep makes one more copy, describe shows where, forget lets go of it [B-38]', async () => {
  const shared = await oak.json('share', '--text', 'worth keeping', '--copies', '1')
  const id = String(shared.id)
  const holders = async () => ((await oak.call('describe', { id })).holders as string[]).sort()
  assert.deepEqual(await holders(), [oak.peerId])
  assert.equal((await ash.json('keep', id)).kept, true)
  await waitUntil('the publisher knows the copy', KNOWN_MS, async () => (await holders()).length === 2)

  const described = await oak.json('describe', id)
  assert.deepEqual([described.keptHere, described.confirmed], [true, 2])
  assert.deepEqual((described.holders as string[]).sort(), [oak.peerId, ash.peerId].sort())
  const providers = described.providers as { node_id: string; ip: string; port: number }[]
  for (const node of [oak, ash]) {
    const port = Number(/\/tcp\/(\d+)/.exec(node.ready.addresses[0] ?? '')?.[1])
    assert.ok(
      providers.some((one) => one.node_id === node.peerId && one.ip === '127.0.0.1' && one.port === port),
      `${node.place.home} with its address is among ${JSON.stringify(providers)}`,
    )
  }
  assert.equal((await elm.json('describe', id)).keptHere, false)

  assert.equal((await ash.json('forget', id)).forgotten, true)
  await waitUntil('the publisher knows that it is gone', KNOWN_MS, async () => (await holders()).length === 1)
  assert.equal((await ash.json('describe', id)).keptHere, false)
  assert.equal((await ash.json('forget', id)).forgotten, false, 'there is nothing left to let go of')

  assert.equal((await oak.json('forget', id, '--everywhere')).removedFromList, true)
  const { files } = (await oak.json('list', 'worth')) as unknown as { files: unknown[] }
  assert.deepEqual(files, [])
})

test('sync says what it did; doctor finds a node and a content well, and names what is not [K-55]', async () => {
  const synced = await ash.json('sync')
  assert.equal(typeof synced, 'object')
  assert.equal((await oak.json('doctor')).healthy, true)
  const shared = await oak.json('share', '--text', 'a healthy thing', '--copies', '2')
  assert.equal((await elm.json('doctor', String(shared.id))).readable, true)
  const missing = await elm.run(
    'doctor',
    'bafkreibxfpjbig4v6meq4omb5sbyraxaxjwqhyviti6fyel4ducqtswwgu',
    '--json',
  )
  assert.deepEqual([missing.json.readable, missing.code], [false, 7])
})

test('config reads, refuses and changes a setting', async () => {
  const { settings } = (await oak.json('config', 'get', 'copies')) as unknown as {
    settings: { value: unknown }[]
  }
  assert.equal(settings[0]?.value, 3)
  const refused = await oak.run('config', 'set', 'copies', 'many', '--json')
  assert.deepEqual([errorOf(refused).kind, refused.code], ['invalid', 2])
  await oak.json('config', 'set', 'uploadBytesPerSecondMax', '5MB')
  const changed = (await oak.json('config', 'get', 'uploadBytesPerSecondMax')) as { settings?: unknown }
  assert.match(JSON.stringify(changed.settings), /5000000/)
})

describe('words that make no sense', () => {
  // None of them needs a node, so they all run at once.
  const cases: [string[], RegExp, RegExp][] = [
    [['shrae', 'x'], /no command/, /share/],
    [['list', '--limti', '5'], /no flag --limti/, /--limit/],
    [['get'], /needs ID/, /--help/],
    [['list', '--limit', 'ten'], /limit/, /./],
    [['ping', 'a', 'b'], /one word too many/, /quotes/],
    [['list', '--mine=maybe'], /--mine/, /./],
    [['completion', 'tcsh'], /tcsh/, /bash, zsh or fish/],
  ]
  test('are refused with exit code 2, a sentence and a hint', async () => {
    await Promise.all(
      cases.map(async ([words, sentence, hint]) => {
        const finished = await oak.run(...words)
        assert.equal(finished.code, 2, `${words.join(' ')}: ${finished.stderr}`)
        const [first = '', second = ''] = wordsOf(finished).split('\n')
        assert.match(first, sentence)
        assert.match(second, hint)
        assert.equal(finished.stdout, '')
      }),
    )
  })
})

test('help names every command and explains each', async () => {
  const overview = await runKizuna(oak.place, ['help'])
  for (const { name, summary } of commandList) {
    assert.ok(overview.stdout.includes(name) && overview.stdout.includes(summary), name)
  }
  const one = await runKizuna(oak.place, ['share', '--help'])
  assert.match(one.stdout, /--copies/)
  assert.equal(one.code, 0)
})

describe('completion', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    test(`of ${shell} is a script that this shell can read`, async (context) => {
      const script = await runKizuna(oak.place, ['completion', shell])
      assert.equal(script.code, 0)
      for (const { name } of commandList) assert.ok(script.stdout.includes(name), name)
      const checked = spawnSync(shell, ['-n'], { input: script.stdout, encoding: 'utf8' })
      if (checked.error !== undefined) context.diagnostic(`NOT TESTED: there is no ${shell} here`)
      else assert.deepEqual([checked.status, checked.stderr], [0, ''])
    })
  }

  test('of bash completes a command and its flags', { skip: !existsSync('/bin/bash') }, async () => {
    const { stdout } = await runKizuna(oak.place, ['completion', 'bash'])
    const ask = (words: string, index: number) =>
      spawnSync(
        'bash',
        ['-c', `${stdout}\nCOMP_WORDS=(${words}); COMP_CWORD=${index}; _kizuna; echo "\${COMPREPLY[@]}"`],
        {
          encoding: 'utf8',
        },
      ).stdout.trim()
    assert.equal(ask('kizuna desc', 1), 'describe')
    assert.match(ask('kizuna share --cop', 2), /--copies/)
  })
})
