import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { isKizunaError } from '../core/kizuna-error.ts'
import { keepTestChannel, type MemoryContent, messageOf, opened, TestArchives } from './archive.suite.ts'
import { unpackSegment } from './segment-events.ts'
import { segmentKind } from './segment-record.ts'

const HEAD = { format: 'kizuna-archive-segment', version: 1, group: 'test:grove', number: 1 }

function pack(...lines: unknown[]): Uint8Array {
  return gzipSync(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'))
}

const malformed = (error: unknown) => isKizunaError(error, 'ARCHIVE_SEGMENT_MALFORMED')

test('a segment is gzip of JSON lines that say everything that was seen', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  alder.source.attachments.set('1', opened(Buffer.from('leaf')))
  const said = messageOf('first', {
    attachments: [{ id: '1', name: 'a.png', type: 'image/png', sizeBytes: 4 }],
  })
  const answer = messageOf('second', { replyTo: said.id, previews: [{ title: 't', text: 'x', url: 'u' }] })
  alder.archive.see([said, answer])
  alder.archive.see([{ ...answer, text: 'edited', editedAt: answer.sentAt + 1 }])
  alder.archive.seeDeleted('test:general', [answer.id])
  alder.archive.optOut('test:birch')
  await alder.archive.attachmentsSettled()
  await alder.archive.seal()
  const segment = publishedSegment(archives.content)
  assert.ok(gunzipSync(segment).toString().startsWith('{"format":"kizuna-archive-segment","version":1'))
  const { events, ...head } = await unpackSegment(segment)
  assert.deepEqual(head, { group: 'test:grove', number: 1 })
  assert.deepEqual(events.map(({ event }) => event).toSorted(), [
    'attachment',
    'channel',
    'deleted',
    'left',
    'said',
    'said',
    'said',
  ])
  assert.deepEqual(
    events.find((each) => each.event === 'said' && each.message === answer.id),
    {
      event: 'said',
      at: answer.sentAt,
      channel: 'test:general',
      message: answer.id,
      sentAt: answer.sentAt,
      author: { id: 'test:alder', name: 'alder' },
      text: 'second',
      replyTo: said.id,
      previews: [{ title: 't', text: 'x', url: 'u' }],
      attachments: [],
    },
  )
})

test('what is no segment is refused, and bad lines in one are left out', async () => {
  for (const wrong of [
    new Uint8Array(0),
    Buffer.from('not packed'),
    pack('{'),
    pack('[1]'),
    pack({ ...HEAD, format: 'other' }),
    pack({ ...HEAD, version: 2 }),
    pack({ ...HEAD, group: 5 }),
    pack(HEAD, ...Array.from({ length: 2_001 }, () => ({}))),
    // A bomb: small packed, larger than the limit unpacked.
    gzipSync(Buffer.alloc(65 * 1024 * 1024, 0x20)),
  ])
    await assert.rejects(unpackSegment(wrong), malformed)
  const said = {
    event: 'said',
    at: 5,
    channel: 'c',
    message: 'm',
    sentAt: 5,
    author: { id: 'p', name: 'n' },
    text: 't',
  }
  const { events } = await unpackSegment(
    pack(
      HEAD,
      said,
      { ...said, at: 'now' },
      { ...said, author: null },
      { ...said, author: { id: 'p' } },
      { ...said, text: 7 },
      { ...said, sentAt: 1.5 },
      { ...said, attachments: 'all', previews: [null, { title: 1 }] },
      {
        event: 'attachment',
        at: 5,
        channel: 'c',
        message: 'm',
        attachment: 'a',
        outcome: 'kept',
        content: 'x',
      },
      { event: 'channel', at: 5, id: 'c', name: 'n' },
      { event: 'left', at: 5 },
      { event: 'of a later version', at: 5 },
    ),
  )
  assert.equal(events.length, 2)
})

test('the lines of the page on the format are read as they stand', async () => {
  const page = readFileSync(new URL('../../docs/protocol/archive-segments.md', import.meta.url), 'utf8')
  const lines = (/```jsonl\n([\s\S]*?)\n```/.exec(page)?.[1] ?? '').split('\n')
  const { events, ...head } = await unpackSegment(pack(...lines))
  assert.deepEqual(head, { group: 'discord:1', number: 1 })
  assert.equal(events.length, lines.length - 1, 'none is passed over')
  const kinds = new Set(events.map(({ event }) => event))
  assert.deepEqual([...kinds].sort(), [
    'attachment',
    'channel',
    'deleted',
    'erased',
    'left',
    'returned',
    'said',
  ])
})

test('a member cannot speak for another community, rename its channels or take out what somebody else kept', async () => {
  await using archives = new TestArchives()
  const [one, other] = await archives.community.addMembers(2)
  const alder = await archives.add({ node: one as never })
  const evil = await archives.add({ node: other as never })
  await keepTestChannel(alder)
  const mine = messageOf('the real larch')
  alder.archive.see([mine])
  await alder.archive.seal()
  // The same channel and message in a segment of another community.
  evil.source.channels.set('test:general', {
    id: 'test:general',
    name: 'renamed',
    group: 'test:evil',
    isOpen: true,
  })
  await evil.archive.keepChannel('test:general', { erases: false, signal: new AbortController().signal })
  evil.archive.see([{ ...mine, text: 'a forged larch', editedAt: mine.sentAt + 1 }])
  evil.archive.seeDeleted('test:general', [mine.id])
  await evil.archive.seal()
  await archives.community.run(alder.node.records.sync())
  await alder.archive.load(new AbortController().signal)
  const { hits } = alder.archive.search({ text: 'larch', sees: 'all', limit: 10, offset: 0 })
  assert.deepEqual(
    hits.map(({ snippet, channel }) => [snippet, channel.name]),
    [['the real larch', 'general']],
  )
})

test('a record of a segment says no more than it may', () => {
  const record = (facts: object) =>
    segmentKind.refuse({
      key: 'test:grove/1',
      author: 'x',
      body: { content: '', sealedKey: new Uint8Array(0), events: 0 },
      ...facts,
    } as never)
  assert.equal(record({}), undefined)
  assert.match(String(record({ key: 'test:grove' })), /names no segment/)
  assert.match(String(record({ key: 'test grove/1' })), /names no segment/)
  assert.match(
    String(record({ body: { content: 'bafk', sealedKey: new Uint8Array(0), events: 0 } })),
    /content id/,
  )
  assert.match(String(record({ body: { content: '', sealedKey: new Uint8Array(200), events: 0 } })), /longer/)
  assert.match(
    String(record({ body: { content: '', sealedKey: new Uint8Array(0), events: 0, more: 1 } })),
    /unknown/,
  )
})

function publishedSegment({ stored }: MemoryContent): Uint8Array {
  const packed = [...stored.values()].map(({ bytes }) => bytes).find((bytes) => bytes[0] === 0x1f)
  assert.ok(packed !== undefined)
  return packed
}
