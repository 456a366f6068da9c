import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { createFileDisk } from '../storage/file-disk.ts'
import { keepTestChannel, messageOf, opened, TestArchives } from './archive.suite.ts'
import type { Archive } from './archive.ts'

function textsOf(archive: Archive, text: string): string[] {
  return archive
    .search({ text, sees: 'all', limit: 50, offset: 0 })
    .hits.map(({ snippet }) => snippet)
    .sort()
}

test('a message is kept once however often and in whatever order its versions are seen', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  const first = messageOf('the first oak')
  const second = { ...first, text: 'the second oak', editedAt: first.sentAt + 10 }
  const third = { ...first, text: 'the third oak', editedAt: first.sentAt + 20 }
  assert.deepEqual(alder.archive.see([third, first]), { new: 1, version: 1, known: 0, 'left out': 0 })
  assert.deepEqual(alder.archive.see([first, third, second]), { new: 0, version: 1, known: 2, 'left out': 0 })
  assert.deepEqual(textsOf(alder.archive, 'oak'), ['the third oak'])
  const [, said] = await Array.fromAsync(alder.archive.personalData().exportOf('test:alder'))
  const { versions } = said as { versions: { text: string }[] }
  assert.deepEqual(
    versions.map(({ text }) => text),
    ['the first oak', 'the second oak', 'the third oak'],
  )
})

test('what is deleted stays as a version and is found no more, or is erased where the channel is kept so', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  const kept = await keepTestChannel(alder, 'general')
  const erased = await keepTestChannel(alder, 'fleeting', { erases: true })
  const one = messageOf('said in haste', { channel: kept })
  const other = messageOf('said in haste', { channel: erased })
  alder.archive.see([one, other])
  assert.equal(alder.archive.seeDeleted(kept, [one.id, 'unknown']), 1)
  assert.equal(alder.archive.seeDeleted(erased, [other.id]), 1)
  assert.equal(alder.archive.seeDeleted(kept, [one.id]), 0, 'told twice')
  assert.deepEqual(textsOf(alder.archive, 'haste'), [])
  const items = await Array.fromAsync(alder.archive.personalData().exportOf('test:alder'))
  assert.equal(items.length, 2, 'who it is, and the message whose channel keeps deletions')
})

test('a database that SQLite refuses is put aside, and the archive comes back from its segments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-archive-'))
  try {
    await using archives = new TestArchives()
    const alder = await archives.add({ disk: createFileDisk(folder) })
    await keepTestChannel(alder)
    alder.archive.see([messageOf('a hardy juniper')])
    await alder.archive.seal()
    await alder.archive.stop()
    writeFileSync(join(folder, 'archive.db'), 'rust instead of a database '.repeat(1_000))
    const again = await archives.add({ node: alder.node, disk: createFileDisk(folder) })
    await again.archive.load(new AbortController().signal)
    assert.deepEqual(textsOf(again.archive, 'juniper'), ['a hardy juniper'])
    assert.match(readFileSync(join(folder, 'archive.db-damaged'), 'utf8'), /^rust/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('another member reads the segments, finds what is in them and follows edits, deletions and erasure', async () => {
  await using archives = new TestArchives()
  const [one, other] = await archives.community.addMembers(2)
  const alder = await archives.add({ node: one as never })
  const birch = await archives.add({ node: other as never })
  await keepTestChannel(alder)
  const first = messageOf('red oak')
  const second = messageOf('white oak')
  alder.archive.see([first, second])
  const signal = new AbortController().signal
  const spread = async () => {
    await alder.archive.seal()
    await archives.community.run(birch.node.records.sync())
    return birch.archive.load(signal)
  }
  assert.deepEqual(await spread(), { read: 1, left: 0 })
  assert.deepEqual(textsOf(birch.archive, 'oak'), ['red oak', 'white oak'])
  assert.deepEqual(await birch.archive.load(signal), { read: 0, left: 0 }, 'nothing is read twice')
  alder.archive.see([{ ...first, text: 'green oak', editedAt: first.sentAt + 1 }, messageOf('black oak')])
  alder.archive.seeDeleted('test:general', [second.id])
  await spread()
  assert.deepEqual(textsOf(birch.archive, 'oak'), ['black oak', 'green oak'])
  await alder.archive.erase('test:alder')
  await archives.community.run(birch.node.records.sync())
  await birch.archive.load(signal)
  assert.deepEqual(textsOf(birch.archive, 'oak'), [])
})

test('an archive whose database is gone or damaged comes back from its own segments', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  alder.source.attachments.set('1', opened(Buffer.from('bark')))
  alder.archive.see([
    messageOf('elm', { attachments: [{ id: '1', name: 'bark.txt', type: 'text/plain', sizeBytes: 4 }] }),
    messageOf('elms everywhere'),
  ])
  await alder.archive.attachmentsSettled()
  await alder.archive.seal()
  await alder.archive.stop()
  const again = await archives.add({ node: alder.node })
  await again.archive.load(new AbortController().signal)
  assert.deepEqual(textsOf(again.archive, 'elm*'), ['elm', 'elms everywhere'])
  assert.equal(again.archive.status('all').attachments.kept, 1)
  await keepTestChannel(again)
  again.archive.see([messageOf('another elm')])
  await again.archive.seal()
  assert.deepEqual(again.archive.status('all').segments, { published: 1, waiting: 0, toRead: 0 })
})

test('attachments end as kept by their hash, or as failed with a reason, and none is asked for for ever', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add({ attachmentBytesMax: 1024 * 1024 })
  await keepTestChannel(alder)
  const { AttachmentGoneError } = await import('./errors.ts')
  const bytes = Buffer.from('the same leaf')
  alder.source.attachments.set('1', opened(bytes))
  alder.source.attachments.set('2', opened(bytes))
  alder.source.attachments.set('3', () => {
    throw new AttachmentGoneError({ reason: 'its link leads nowhere' })
  })
  alder.source.attachments.set('5', opened(Buffer.alloc(2 * 1024 * 1024), undefined))
  alder.source.attachments.set('6', opened(new Uint8Array(0)))
  const sizes: Record<string, number> = { 4: 500 * 1024 * 1024, 6: 0 }
  alder.archive.see([
    messageOf('leaves', {
      attachments: ['1', '2', '3', '4', '5', '6'].map((id) => ({
        id,
        name: `${id}.bin`,
        type: 'application/octet-stream',
        sizeBytes: sizes[id] ?? bytes.byteLength,
      })),
    }),
  ])
  await alder.archive.attachmentsSettled()
  assert.deepEqual(alder.archive.status('all').attachments, {
    kept: 3,
    waiting: 0,
    failed: 3,
    reasons: {
      'too large: 2 MiB, the limit is 1 MiB': 1,
      'too large: 500 MiB, the limit is 1 MiB': 1,
      'unreachable: its link leads nowhere': 1,
    },
  })
  assert.equal(alder.source.asked, 5, 'what is too large is not even asked for')
  const [, said] = await Array.fromAsync(alder.archive.personalData().exportOf('test:alder'))
  const { attachments } = said as { attachments: { sha256: string; content: string }[] }
  assert.equal(attachments[0]?.sha256, createHash('sha256').update(bytes).digest('hex'))
  assert.equal(attachments[0]?.content, attachments[1]?.content, 'the same bytes are one content')
})

test('messages and checkpoint stand together, also after the archive is opened again', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  const channel = await keepTestChannel(alder)
  const page = Array.from({ length: 100 }, (_, index) => messageOf(`page one, ${index}`))
  const change = { newest: page[99]?.id as string, oldest: page[0]?.id as string }
  alder.archive.see(page, { channel, change })
  await alder.archive.stop()
  const again = await archives.add({ node: alder.node, disk: alder.disk })
  assert.deepEqual(again.archive.checkpoint(channel), { ...change, isComplete: false })
  assert.equal(again.archive.status('all').messages, 100)
  assert.ok(again.archive.keeps(channel))
})

test('a search shows only channels that the asker may see, threads with their channel', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  const open = await keepTestChannel(alder, 'open')
  const closed = await keepTestChannel(alder, 'closed', { isOpen: false })
  const elsewhere = await keepTestChannel(alder, 'elsewhere', { group: 'test:other' })
  const group = 'test:grove'
  alder.archive.describeChannel({ id: 'test:t1', name: 'thread', group, parent: closed, isOpen: true })
  alder.archive.describeChannel({ id: 'test:t2', name: 'private thread', group, parent: open, isOpen: false })
  for (const channel of [open, closed, elsewhere, 'test:t1', 'test:t2'])
    alder.archive.see([messageOf(`maple in ${channel}`, { channel })])
  const found = (sees: Parameters<Archive['search']>[0]['sees'], channel?: string) =>
    alder.archive
      .search({ text: 'maple', sees, limit: 50, offset: 0, ...(channel === undefined ? {} : { channel }) })
      .hits.map((hit) => hit.channel.id)
      .sort()
  assert.deepEqual(found({ group }), [open])
  assert.deepEqual(found({ group, channels: [closed] }), [closed, open, 'test:t1'].sort())
  assert.deepEqual(found({ group, channels: ['test:t2', elsewhere] }), [open, 'test:t2'].sort())
  assert.deepEqual(found({ group }, closed), [], 'also when it is asked for by name')
  assert.deepEqual(found('open'), [elsewhere, open].sort())
  assert.equal(found('all').length, 5)
})

test('ranking, snippets and filters by author and time', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  const long = `${'Nothing of interest here. '.repeat(20)}At last the Café is mentioned once.`
  const birch = { id: 'test:birch', name: 'birch' }
  alder.archive.see([
    messageOf('café café: the café of cafés', { id: 'best', sentAt: 1_000_000 }),
    messageOf(long, { id: 'long', sentAt: 2_000_000, author: birch }),
    messageOf('明日は京都のカフェへ行きます', { id: 'kyoto', sentAt: 3_000_000 }),
  ])
  const search = (text: string, rest: object = {}) =>
    alder.archive.search({ text, sees: 'all', limit: 10, offset: 0, ...rest }).hits
  assert.deepEqual(
    search('cafe').map(({ id }) => id),
    ['best', 'long'],
  )
  const [hit] = search('cafe', { author: 'test:birch' })
  assert.equal(hit?.id, 'long')
  const [[at, length] = [0, 0]] = hit?.marks ?? []
  assert.equal(hit?.snippet.slice(at, at + length), 'Café')
  assert.ok(hit?.snippet.startsWith('…') && hit.snippet.length < 220)
  assert.deepEqual(
    search('cafe', { from: 1_500_000, to: 2_000_000 }).map(({ id }) => id),
    ['long'],
  )
  const [kyoto] = search('京都')
  assert.equal(kyoto?.snippet.slice(...rangeOf(kyoto.marks[0])), '京都')
  assert.deepEqual(
    search('cafe', { limit: 1, offset: 1 }).map(({ id }) => id),
    ['long'],
  )
})

test('a channel of another community, of nowhere, or without a connection is not kept', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  const { signal } = new AbortController()
  await keepTestChannel(alder)
  const refused = (code: string) => (error: unknown) => isKizunaError(error, code)
  const keep = (id: string, group?: string) =>
    alder.archive.keepChannel(id, { erases: false, signal, ...(group === undefined ? {} : { group }) })
  await assert.rejects(keep('test:general', 'test:other'), refused('ARCHIVE_CHANNEL_UNKNOWN'))
  await assert.rejects(keep('test:nowhere'), refused('ARCHIVE_CHANNEL_UNREADABLE'))
  await assert.rejects(keep('carrier-pigeon:1'), refused('ARCHIVE_SOURCE_AWAY'))
  assert.throws(
    () => alder.archive.letGoOfChannel('test:general', 'test:other'),
    refused('ARCHIVE_CHANNEL_UNKNOWN'),
  )
  alder.archive.letGoOfChannel('test:general')
  assert.ok(!alder.archive.keeps('test:general'))
})

function rangeOf([at, length]: [number, number] = [0, 0]): [number, number] {
  return [at, at + length]
}
