import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ArchiveSource } from '../archive/archive-source.ts'
import type { ObservedMessage } from '../archive/archived-message.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { Node } from '../node/create-node.ts'
import { TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'
import type { Caller } from './command.ts'

const GROVE = 'discord:1'
const STEWARD: Caller = { id: 'discord:7', permission: 'steward', group: GROVE }
const MEMBER: Caller = { id: 'discord:8', permission: 'member', group: GROVE }

/** A place with one channel that everybody may read. */
function source(): ArchiveSource {
  return {
    prefix: 'discord:',
    describe: async (id) => ({ id, name: 'general', group: GROVE, isOpen: true }),
    openAttachment: async () => ({ bytes: piecesOf('a leaf'), sizeBytes: 6 }),
    keptChanged: () => {},
    activityOf: () => 'keeping what is said',
  }
}

async function keptNode(nodes: TestNodes): Promise<Node> {
  const node = await nodes.startInMemory()
  node.services.archive.addSource(source())
  await ask(node, 'archive', { action: 'start', channel: '<#100>' }, { caller: STEWARD })
  node.services.archive.see([
    said('1', 'the red oak', 'discord:8', '2026-03-01T10:00:00Z'),
    said('2', 'the white oak', 'discord:9', '2026-03-02T10:00:00Z'),
  ])
  await node.services.archive.attachmentsSettled()
  return node
}

function said(id: string, text: string, author: string, at: string): ObservedMessage {
  return {
    channel: 'discord:100',
    id,
    author: { id: author, name: 'rowan' },
    sentAt: Date.parse(at),
    text,
    attachments: [{ id, name: 'leaf.txt', type: 'text/plain', sizeBytes: 6 }],
    previews: [],
  }
}

const refused = (code: string) => (error: unknown) => isKizunaError(error, code)

test('search takes channels, people and dates as people write them, and answers with what is needed to show it', async () => {
  await using nodes = new TestNodes()
  const node = await keptNode(nodes)
  const search = async (input: object) =>
    (await ask(node, 'archive', { action: 'search', query: 'oak', ...input }, { caller: MEMBER })).hits.map(
      ({ id }: { id: string }) => id,
    )
  assert.deepEqual((await search({})).toSorted(), ['1', '2'])
  for (const channel of ['general', '#general', '100', '<#100>', 'discord:100'])
    assert.equal((await search({ channel })).length, 2, channel)
  for (const author of ['8', '<@8>', '<@!8>', 'discord:8'])
    assert.deepEqual(await search({ author }), ['1'], author)
  assert.deepEqual(await search({ from: '2026-03-02' }), ['2'])
  assert.deepEqual(await search({ to: '2026-03-01' }), ['1'])
  assert.deepEqual(await search({ from: '2026-03-01T12:00Z', to: '2026-03-02T09:00Z' }), [])
  await assert.rejects(search({ from: 'yesterday' }), refused('INVALID_INPUT'))
  await assert.rejects(search({ query: ' ' }), refused('INVALID_INPUT'))
  await assert.rejects(search({ channel: 'attic' }), refused('ARCHIVE_CHANNEL_UNKNOWN'))
  const { hits } = await ask(node, 'archive', { action: 'search', query: 'red' }, { caller: MEMBER })
  assert.deepEqual(hits, [
    {
      channel: { id: 'discord:100', name: 'general' },
      id: '1',
      author: { id: 'discord:8', name: 'rowan' },
      snippet: 'the red oak',
      marks: [[4, 3]],
      attachments: ['leaf.txt'],
      sentAt: '2026-03-01T10:00:00.000Z',
    },
  ])
})

test('who may do what: stewards start, stop and export, in their own community; members look; anybody opts out', async () => {
  await using nodes = new TestNodes()
  const node = await keptNode(nodes)
  const give = (input: object, caller: Caller) => ask(node, 'archive', input as never, { caller })
  for (const action of ['start', 'stop', 'export'])
    await assert.rejects(give({ action, channel: '100' }, MEMBER), refused('PERMISSION_DENIED'), action)
  const stranger: Caller = { id: 'discord:5', permission: 'anyone', group: GROVE }
  for (const action of ['search', 'status'])
    await assert.rejects(give({ action, query: 'oak' }, stranger), refused('PERMISSION_DENIED'), action)
  const elsewhere = { ...STEWARD, group: 'discord:2' }
  await assert.rejects(
    give({ action: 'start', channel: '100' }, elsewhere),
    refused('ARCHIVE_CHANNEL_UNKNOWN'),
  )
  await assert.rejects(
    give({ action: 'stop', channel: '100' }, elsewhere),
    refused('ARCHIVE_CHANNEL_UNKNOWN'),
  )
  await assert.rejects(give({ action: 'export', path: '/tmp' }, STEWARD), refused('PERMISSION_DENIED'))
  await assert.rejects(
    give({ action: 'optout', person: 'discord:8' }, stranger),
    refused('PERMISSION_DENIED'),
  )
  assert.equal((await give({ action: 'optout', erase: true }, { ...MEMBER, permission: 'anyone' })).erased, 1)
  assert.equal((await give({ action: 'status' }, MEMBER)).youAreOptedOut, true)
  assert.equal((await give({ action: 'optin' }, { ...MEMBER, permission: 'anyone' })).optedOut, false)
  assert.equal((await give({ action: 'stop', channel: 'general' }, STEWARD)).channel.id, 'discord:100')
  assert.equal((await give({ action: 'status' }, MEMBER)).channels[0].isKept, false)
})

test('an export goes to the node’s own folder, or to the owner’s, and can be shared', async () => {
  await using nodes = new TestNodes()
  const node = await keptNode(nodes)
  const { home } = node.services.config
  const kept = await ask(node, 'archive', { action: 'export' }, { caller: STEWARD })
  assert.match(kept.path, /^exports\/archive-/, 'not where the data folder is')
  readFileSync(join(home, kept.path, 'index.html'))
  rmSync(join(home, kept.path), { recursive: true })
  const own = await ask(node, 'archive', { action: 'export', share: true }, { caller: STEWARD })
  assert.equal(own.path, null)
  assert.deepEqual(readdirSync(join(home, 'exports')), [], 'no copy in the clear is left')
  assert.deepEqual(own.attachments, { written: 2, missing: 0 })
  const listed = await node.services.content.listFolder(own.id, { key: keyIn(own.link) })
  assert.ok(listed.some(({ path }) => path === 'index.html'))
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-out-'))
  try {
    const { path } = await ask(node, 'archive', { action: 'export', path: folder, from: '2026-03-02' })
    const days = readdirSync(join(path, 'messages', 'general-1'))
    assert.deepEqual(days, ['2026-03-02.json'])
    const [message] = JSON.parse(readFileSync(join(path, 'messages', 'general-1', '2026-03-02.json'), 'utf8'))
    assert.equal(message.text, 'the white oak')
    assert.equal(readFileSync(join(path, message.attachments[0].file), 'utf8'), 'a leaf')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('without a connection to Discord search, status and export work, and start says what is missing', async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  assert.deepEqual((await ask(node, 'archive')).channels, [])
  assert.deepEqual((await ask(node, 'archive', { action: 'search', query: 'oak' })).hits, [])
  assert.equal((await ask(node, 'archive', { action: 'export' })).messages, 0)
  await assert.rejects(
    ask(node, 'archive', { action: 'start', channel: '100' }),
    refused('ARCHIVE_SOURCE_AWAY'),
  )
  await assert.rejects(ask(node, 'archive', { action: 'start' }), refused('INVALID_INPUT'))
})

function keyIn(link: string): Uint8Array {
  return Buffer.from(link.split('#')[1] ?? '', 'base64url')
}

async function* piecesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
