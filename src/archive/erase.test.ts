import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFileDisk } from '../storage/file-disk.ts'
import { keepTestChannel, messageOf, opened, TestArchives } from './archive.suite.ts'
import type { Archive } from './archive.ts'

function textsOf(archive: Archive, text: string): string[] {
  return archive
    .search({ text, sees: 'all', limit: 50, offset: 0 })
    .hits.map(({ snippet }) => snippet)
    .sort()
}

test('nothing of somebody who opted out is kept, others stay, and taking part again begins anew', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  const mine = messageOf('my secret garden')
  const answer = messageOf('a fine garden', {
    author: { id: 'test:birch', name: 'birch' },
    replyTo: mine.id,
  })
  alder.archive.see([mine, answer])
  alder.archive.optOut('test:alder')
  assert.ok(alder.archive.isOptedOut('test:alder'))
  const later = messageOf('a later garden')
  const edit = { ...mine, text: 'my edited garden', editedAt: mine.sentAt + 5 }
  assert.equal(alder.archive.see([later, edit])['left out'], 2)
  assert.deepEqual(textsOf(alder.archive, 'garden'), ['a fine garden', 'my secret garden'])
  assert.equal(await alder.archive.erase('test:alder'), 1)
  assert.deepEqual(textsOf(alder.archive, 'garden'), ['a fine garden'])
  alder.archive.optIn('test:alder')
  assert.equal(alder.archive.see([mine])['left out'], 1, 'what was erased stays so')
  const now = messageOf('a garden again', { sentAt: archives.clock.now() + 60_000 })
  assert.equal(alder.archive.see([now]).new, 1)
})

test('what is erased is in no segment of the space any more, nor its attachments', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  alder.source.attachments.set('1', opened(Buffer.from('a picture of mine')))
  const mine = messageOf('mine alone', {
    attachments: [{ id: '1', name: 'mine.png', type: 'image/png', sizeBytes: 17 }],
  })
  const theirs = messageOf('theirs alone', { author: { id: 'test:birch', name: 'birch' } })
  alder.archive.see([mine, theirs])
  await alder.archive.attachmentsSettled()
  await alder.archive.seal()
  const before = [...archives.content.stored.keys()]
  assert.equal(before.length, 2, 'an attachment and a segment')
  await alder.archive.erase('test:alder')
  assert.deepEqual(
    before.filter((id) => archives.content.stored.has(id)),
    [],
    'both let go of',
  )
  const birch = await archives.add({ node: alder.node })
  await birch.archive.load(new AbortController().signal)
  assert.deepEqual(textsOf(birch.archive, 'alone'), ['theirs alone'])
  assert.equal((await Array.fromAsync(birch.archive.personalData().exportOf('test:alder'))).length, 1)
  assert.equal(birch.archive.see([mine])['left out'], 1, 'heeded by whoever keeps it next')
})

test('what is erased is not in the bytes of the database any more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-archive-'))
  try {
    await using archives = new TestArchives()
    const alder = await archives.add({ disk: createFileDisk(folder) })
    await keepTestChannel(alder)
    const birch = { id: 'test:birch', name: 'birch' }
    for (let page = 0; page < 2; page++) {
      alder.archive.see(
        Array.from({ length: 50 }, (_, index) =>
          messageOf(`ordinary words ${page} ${index}`, { author: birch }),
        ),
      )
      alder.archive.see([messageOf(`unmistakable${page} zebrawood`)])
    }
    const bytes = () =>
      readdirSync(folder)
        .filter((name) => name.startsWith('archive.db'))
        .map((name) => readFileSync(join(folder, name), 'latin1'))
        .join()
    assert.match(bytes(), /zebrawood/)
    await alder.archive.erase('test:alder')
    assert.doesNotMatch(bytes(), /zebrawood|unmistakable/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('an erasure that a crash interrupts is finished at the next start', async () => {
  await using archives = new TestArchives()
  const alder = await archives.add()
  await keepTestChannel(alder)
  const birch = { id: 'test:birch', name: 'birch' }
  alder.archive.see(Array.from({ length: 900 }, (_, index) => messageOf(`mine ${index}`)))
  alder.archive.see([messageOf('mine is not theirs', { author: birch })])
  const interrupted = alder.archive.erase('test:alder')
  await alder.archive.stop()
  await assert.rejects(interrupted)
  const again = await archives.add({ node: alder.node, disk: alder.disk })
  assert.deepEqual(textsOf(again.archive, 'mine'), ['mine is not theirs'])
  assert.equal(again.archive.status('all').messages, 1)
})
