/** Every command on whole nodes with a network in memory, given the way the apps give it. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { contentIdOf, parseContentId } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { eventually, readAll, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'
import { commandList } from './command-list.ts'

const LIMIT = { timeout: 60_000 }
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

test('the table has every command there is a file for, each explained, with every field described [A-19] [A-66]', () => {
  const files = readdirSync(import.meta.dirname).filter((file) => /^[a-z-]+\.ts$/.test(file))
  const named = files.flatMap((file) => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    return /\b(?:defineCommand|helpFor)\(/.test(text) && file !== 'command.ts' && file !== 'command-list.ts'
      ? [file.replace('.ts', '')]
      : []
  })
  const names = commandList.map(({ name }) => name).sort()
  assert.deepEqual(names, named.sort())
  assert.ok(names.includes('share') && names.includes('help'))
  for (const command of commandList) {
    assert.ok(command.summary.length <= 80, command.name)
    assert.match(command.description, /Example: kizuna /)
    for (const [field, schema] of Object.entries(command.input.shape)) {
      assert.ok(((schema as z.ZodType).description ?? '') !== '', `${command.name} ${field}`)
    }
    for (const word of command.positional) assert.ok(word in command.input.shape)
    for (const word of command.ownerFields ?? []) assert.ok(word in command.input.shape)
    for (const [name, action] of Object.entries(command.actions ?? {})) {
      assert.ok(command.input.safeParse({ action: name }).success, `${command.name} ${name}`)
      assert.ok(action.summary.length <= 80, `${command.name} ${name}`)
      for (const field of action.fields) assert.ok(field in command.input.shape, `${command.name} ${name}`)
    }
    assert.ok(z.toJSONSchema(command.input, { io: 'input', unrepresentable: 'any' }).type === 'object')
  }
})

test('ping answers “Pong!” with the delay, and measures the way to a peer [K-13]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
  await nodes.join(a, b)
  const plain = await ask(a, 'ping')
  assert.equal(plain.message, 'Pong!')
  assert.ok(plain.tookMs < 3_000)
  const { peers } = await ask(a, 'ping', { peer: b.services.network.peerId })
  assert.equal(peers.length, 1)
  assert.ok(peers[0].latencyMs >= 0)
  await assert.rejects(ask(a, 'ping', { peer: 'nobody' }), withCode('INVALID_INPUT'))
})

test(
  'status shows identity, space, peers, bytes, quota, queues and what needs a look [K-14] [B-59]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory({ label: 'attic' }), await nodes.startInMemory()]
    await nodes.join(a, b)
    await ask(a, 'share', { text: 'x'.repeat(300_000), copies: 2 })
    await eventually(
      'the other tells what it holds',
      () => a.services.community.members()[0]?.holdings?.count === 3,
    )
    const status = await ask(a, 'status')
    assert.equal(status.peerId, a.services.network.peerId)
    assert.equal(status.label, 'attic')
    assert.deepEqual([status.members, status.membersOnline, status.connectedPeers], [2, 2, 1])
    assert.ok(status.uptimeMs >= 0)
    assert.equal(status.stored.chunks, 3)
    assert.ok(status.stored.diskBytes >= 300_000)
    assert.equal(status.quota.storageForOthersBytesMax, 20 * 1024 ** 3)
    assert.deepEqual(Object.keys(status.queues).sort(), ['announce', 'repair', 'replicate'])
    assert.deepEqual(status.degraded, [])
    assert.deepEqual([status.scrub.foundDamaged, status.scrub.unreadable], [0, 0])
    assert.deepEqual(status.audits.suspended, [])
    assert.equal(status.averageChunksPerPeer, 3)
    assert.ok(status.sentBytes >= 300_000)
    const metrics = await a.services.metrics.print()
    assert.match(metrics, /kizuna_connected_peers 1/)
    assert.match(metrics, /kizuna_chunks_per_peer 3/)
  },
)

test(
  'share takes text, a file, a folder or bytes, and says key, size and copies reached [K-52]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
    await nodes.join(a, b)
    const path = join(nodes.folder, 'photo.png')
    writeFileSync(path, Buffer.alloc(600_000, 'photo'))
    const folder = join(nodes.folder, 'album')
    mkdirSync(join(folder, 'inner'), { recursive: true })
    writeFileSync(join(folder, 'one.txt'), 'one')
    writeFileSync(join(folder, 'inner', 'two.txt'), 'two')
    symlinkSync('/etc/hostname', join(folder, 'link'))
    const phases = new Set<string>()
    const file = await ask(a, 'share', { path, copies: 2 }, { progress: ({ phase }) => phases.add(phase) })
    assert.deepEqual(
      [file.name, file.sizeBytes, file.chunks, file.copies, file.policy],
      ['photo.png', 600_000, 3, 2, 'replica:2'],
    )
    assert.equal(parseContentId(file.id), file.id)
    assert.ok(phases.size > 0)
    const text = await ask(a, 'share', { text: 'hello', name: 'note.txt' })
    assert.equal((await readAll(b, text.id)).toString(), 'hello')
    const body = (async function* () {
      yield Buffer.from('from an upload')
    })()
    const upload = await ask(a, 'share', { name: 'upload.txt' }, { body })
    assert.equal((await readAll(b, upload.id)).toString(), 'from an upload')
    const album = await ask(a, 'share', { path: folder })
    const got = await ask(b, 'get', { id: album.id })
    assert.deepEqual(
      got.files.map((each: { path: string }) => each.path),
      ['inner/two.txt', 'one.txt'],
    )
    const listed = await ask(a, 'list')
    assert.deepEqual(
      listed.files.map((each: { name: string; mediaType: string }) => [each.name, each.mediaType]).sort(),
      [
        ['album', 'application/x-kizuna-folder'],
        ['note.txt', 'text/plain'],
        ['photo.png', 'image/png'],
        ['upload.txt', 'text/plain'],
      ],
    )
  },
)

test('share refuses nothing, two things at once, and what cannot be read', LIMIT, async () => {
  await using nodes = new TestNodes()
  const a = await nodes.startInMemory()
  await assert.rejects(ask(a, 'share'), withCode('INVALID_INPUT'))
  await assert.rejects(ask(a, 'share', { path: '/tmp', text: 'x' }), withCode('INVALID_INPUT'))
  await assert.rejects(ask(a, 'share', { path: join(nodes.folder, 'missing') }), withCode('PATH_UNREADABLE'))
  await assert.rejects(ask(a, 'share', { text: 'x', copies: 2, policy: 'rs:2+1' }), withCode('INVALID_INPUT'))
  await assert.rejects(ask(a, 'share', { text: 'x', policy: 'rs:many' }), withCode('INVALID_INPUT'))
  assert.equal((await ask(a, 'list')).total, 0)
})

test(
  'get says what a thing is, and a wrong key is a typed “not found” [K-28] [K-53] [B-30]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
    await nodes.join(a, b)
    const { id, link } = await ask(a, 'share', { text: 'for everybody', name: 'note.txt' })
    for (const form of [id, link, ` ${id} `]) {
      const found = await ask(b, 'get', { id: form })
      assert.deepEqual([found.kind, found.name, found.sizeBytes, found.link], ['file', 'note.txt', 13, link])
    }
    const missing = contentIdOf(Buffer.from('nobody has this'))
    await assert.rejects(ask(b, 'get', { id: missing, timeout: 2_000 }), (error: unknown) => {
      assert.ok(isKizunaError(error, 'CONTENT_NOT_FOUND'))
      assert.equal(error.kind, 'missing')
      assert.ok(error.hint.length > 0)
      return true
    })
    await assert.rejects(ask(b, 'get', { id: 'rubbish' }), withCode('INVALID_INPUT'))
  },
)

test(
  'what a closed space shares is encrypted: members read it by its id, others need the link',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
    await nodes.join(a, b)
    assert.equal((await ask(a, 'config', { action: 'set', key: 'admission', value: 'invite' })).inForce, true)
    const shared = await ask(a, 'share', { text: 'a secret', name: 'secret.txt' })
    assert.equal(shared.private, true)
    assert.match(shared.link, /^kizuna:bafk[a-z2-7]+#[\w-]{43}$/)
    await eventually('the other member knows of it', async () => (await ask(b, 'list')).total === 1)
    const found = await ask(b, 'get', { id: shared.id })
    assert.equal(found.link, shared.link)
    const key = Buffer.from(found.link.split('#')[1], 'base64url')
    let text = ''
    for await (const bytes of (await b.services.content.retrieve(shared.id, { key })).bytes)
      text += Buffer.from(bytes)
    assert.equal(text, 'a secret')
    await assert.rejects(readAll(b, shared.id), withCode('CONTENT_KEY_MISSING'))
  },
)

test('list is the same on every member, also when the publisher is gone [B-28]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory({ label: 'attic' }), await nodes.startInMemory()]
  await nodes.join(a, b)
  const { id } = await ask(a, 'share', { text: 'still here', name: 'note.txt', copies: 2 })
  await eventually('the other member lists it', async () => (await ask(b, 'list')).total === 1)
  await a.stop()
  const { files } = await ask(b, 'list', { name: 'NOTE' })
  assert.deepEqual(
    [
      files[0].id,
      files[0].name,
      files[0].sizeBytes,
      files[0].mediaType,
      files[0].publisher,
      files[0].publisherLabel,
    ],
    [id, 'note.txt', 10, 'text/plain', a.services.network.peerId, 'attic'],
  )
  assert.ok(files[0].holders >= 1)
  assert.equal((await ask(b, 'list', { mine: true })).total, 0)
  assert.equal((await readAll(b, id)).toString(), 'still here')
})

test(
  'describe shows forms of the id, policy, holders and the older metadata view [B-39]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
    await nodes.join(a, b)
    const { id } = await ask(a, 'share', { text: 'x'.repeat(300_000), name: 'x.txt', copies: 2 })
    const facts = await ask(a, 'describe', { id })
    assert.deepEqual([facts.policy, facts.confirmed, facts.margin, facts.keptHere], ['replica:2', 2, 1, true])
    assert.deepEqual(facts.holders.sort(), [a.services.network.peerId, b.services.network.peerId].sort())
    assert.deepEqual(facts.metadata, {
      file_hash: facts.forms.hex,
      original_name: 'x.txt',
      size: 300_000,
      data_chunks: 2,
      parity_chunks: 0,
      published_by: a.services.network.peerId,
    })
  },
)

test(
  'keep brings a thing here whole, forget lets go of it, and its publisher can take it off the list',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory({ storageForOthersBytesMax: 0 })]
    await nodes.join(a, b)
    const { id } = await ask(a, 'share', { text: 'keep me', copies: 1 })
    assert.equal((await ask(b, 'keep', { id })).kept, true)
    assert.deepEqual(
      b.services.content.keptObjects().map((object) => object.id),
      [id],
    )
    assert.equal((await ask(b, 'forget', { id })).forgotten, true)
    assert.equal((await ask(b, 'forget', { id })).forgotten, false)
    assert.equal((await ask(a, 'forget', { id, everywhere: true })).removedFromList, true)
    await eventually('it is off the other’s list', async () => (await ask(b, 'list')).total === 0)
  },
)

test(
  'peers lists name, id, delay, path and room; with --all also members that are away [K-54]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory({ label: 'cellar' })]
    await nodes.join(a, b)
    const { peers } = await ask(a, 'peers')
    assert.equal(peers.length, 1)
    assert.deepEqual(
      [peers[0].peer, peers[0].label, peers[0].path, peers[0].member],
      [b.services.network.peerId, 'cellar', 'direct', true],
    )
    assert.ok('latencyMs' in peers[0])
    assert.ok(peers[0].freeBytes > 0)
    await b.stop()
    await eventually('the connection is gone', async () => (await ask(a, 'peers')).peers.length === 0)
    const all = await ask(a, 'peers', { all: true })
    assert.equal(all.peers[0].label, 'cellar')
  },
)
