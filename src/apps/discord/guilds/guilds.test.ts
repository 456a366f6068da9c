import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../core/log.ts'
import { VirtualClock } from '../../../core/virtual-clock.ts'
import { openIndexDatabase } from '../../../storage/index-database.ts'
import { MemoryDisk } from '../../../storage/memory-disk.ts'
import { GuildSettingsTable, isPrefix } from './guild-settings.ts'
import { KnownMembers } from './known-members.ts'
import { Notices } from './notices.ts'

const openMemoryIndex = () => openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
const DAY_MS = 24 * 60 * 60_000

test('a server’s settings outlive the process and go back to their defaults', () => {
  const index = openMemoryIndex()
  const table = new GuildSettingsTable(index)
  assert.deepEqual(table.of('9'), { memberRoles: [], stewardRoles: [] })
  table.change('9', { prefix: '?', memberRoles: ['21'] })
  table.change('9', { language: 'ja' })
  const again = new GuildSettingsTable(index)
  assert.deepEqual(again.of('9'), { prefix: '?', memberRoles: ['21'], stewardRoles: [], language: 'ja' })
  assert.deepEqual(again.of('8'), { memberRoles: [], stewardRoles: [] })
  assert.equal(again.change('9', { prefix: undefined }).prefix, undefined)
  assert.throws(() => again.change('9', { memberRoles: ['not an id'] }))
  assert.equal(again.of('9').language, 'ja', 'what was refused changed nothing')
})

test('a server is welcomed once, also when it changed its settings before', () => {
  const table = new GuildSettingsTable(openMemoryIndex())
  assert.equal(table.firstMeeting('9', 1), true)
  assert.equal(table.firstMeeting('9', 2), false)
  table.change('8', { prefix: '?' })
  assert.equal(table.firstMeeting('8', 3), true)
  assert.equal(table.of('8').prefix, '?')
})

test('a prefix is short and no sign of Discord’s own', () => {
  for (const good of ['!', '?', 'k!', '絆', '>>']) assert.ok(isPrefix(good), good)
  for (const bad of ['', '/', '@', '#', 'a b', '123456', '`']) assert.ok(!isPrefix(bad), bad)
})

test('who was a member lately is known for thirty days, unless seen without it', async () => {
  const clock = new VirtualClock()
  const index = openMemoryIndex()
  const members = new KnownMembers({ index, clock })
  members.note('discord:1', '9', true)
  members.note('discord:2', '9', true)
  members.note('discord:3', '9', false)
  assert.equal(members.has('discord:1'), true)
  assert.equal(members.has('discord:3'), false)
  members.note('discord:2', '9', false)
  assert.equal(members.has('discord:2'), false)
  await clock.advance(31 * DAY_MS)
  assert.equal(members.has('discord:1'), false)
})

test('many people who ask at once are written together, and within a second', async () => {
  const clock = new VirtualClock()
  const index = openMemoryIndex()
  const members = new KnownMembers({ index, clock })
  const written = () => index.get<{ count: number }>('SELECT count(*) AS count FROM discord_member')?.count
  for (let count = 0; count < 500; count++) members.note(`discord:${count}`, '9', true)
  assert.equal(written(), 0)
  await clock.advance(1_000)
  assert.equal(written(), 500)
})

test('what is kept about a person can be shown and erased', async () => {
  const members = new KnownMembers({ index: openMemoryIndex(), clock: new VirtualClock() })
  members.note('discord:1', '9', true)
  const items: unknown[] = []
  for await (const item of members.exportOf('discord:1')) items.push(item)
  assert.equal(items.length, 1)
  assert.equal(await members.eraseOf('discord:1'), 1)
  assert.equal(await members.eraseOf('discord:1'), 0)
  assert.equal(members.has('discord:1'), false)
  members.note('discord:1', '9', true)
  assert.equal(members.has('discord:1'), true, 'whoever asks again is known again')
})

test('servers that chose a channel are told once when the node needs a look, and once when it is well', async () => {
  const guilds = new GuildSettingsTable(openMemoryIndex())
  guilds.change('9', { noticesChannel: '55', language: 'fr' })
  guilds.change('8', { prefix: '?' })
  const sent: string[] = []
  let degraded = ['disk']
  const notices = new Notices({
    clock: new VirtualClock(),
    log: silentLogger,
    look: 'plain',
    guilds,
    degraded: async () => degraded,
    rest: {
      post: async (route, request) => {
        const { content } = (request as { body: { content: string } }).body
        sent.push(`${route} ${content}`)
      },
    },
  })
  await notices.look()
  await notices.look()
  assert.deepEqual(sent, ['/channels/55/messages À regarder: disk'])
  degraded = []
  await notices.look()
  assert.equal(sent.at(-1), '/channels/55/messages Tout va bien.')
  assert.equal(sent.length, 2)
})
