/** The archive of a Discord channel, from the bot to the folder that opens without us. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { channelsSeenBy } from '../../src/apps/discord/archive/channels-seen.ts'
import { ask } from '../../src/commands/ask.suite.ts'
import type { Node } from '../../src/node/create-node.ts'
import { eventually } from '../../src/node/start-nodes.suite.ts'
import { maySee } from '../fixtures/discord-stand-in/permissions.ts'
import { ArchiveWorld, idOf } from './archive-world.ts'

const DAY_MS = 24 * 60 * 60_000

async function archived(
  node: Node,
  isRight: (status: Awaited<ReturnType<typeof statusOf>>) => boolean,
  what: string,
) {
  let last: unknown
  await eventually(
    `${what}`,
    async () => {
      const status = await statusOf(node)
      last = status
      return isRight(status)
    },
    60_000,
  ).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`)
  })
}

function statusOf(node: Node) {
  return node.services.archive.status('all')
}

function textsOf(node: Node, query: string): string[] {
  return node.services.archive
    .search({ text: query, sees: 'all', limit: 50, offset: 0 })
    .hits.map(({ snippet }) => snippet)
    .sort()
}

test('what was said before, what is said now, edits, deletions and threads are kept', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, guild, general, alder } = world
  const forum = guild.addChannel('ideas', { type: 'forum' })
  const thread = discord.addThread(general, 'trees')
  const old = discord.addThread(general, 'old trees', { archived: true })
  discord.userMessage({ channel: old, author: alder, content: 'elm, long ago', quiet: true })
  const birch = discord.addUser('birch')
  guild.addMember(birch)
  for (let index = 0; index < 250; index++)
    discord.userMessage({ channel: general, author: alder, content: `before number ${index}`, quiet: true })
  const node = await world.node()
  await world.bot(node)
  for (const channel of [general, forum])
    await ask(node, 'archive', { action: 'start', channel: channel.id }, { caller: world.steward() })
  await archived(
    node,
    ({ messages, channels }) => messages === 251 && channels.every((each) => each.isComplete),
    'all',
  )

  const said = discord.userMessage({
    channel: general,
    author: birch,
    content: `hello <@${alder.id}>, see the oak`,
  })
  const doomed = discord.userMessage({ channel: general, author: birch, content: 'a doomed oak' })
  discord.userMessage({ channel: thread, author: birch, content: 'an oak in a thread' })
  const post = discord.addThread(forum, 'a new idea', { owner: birch })
  discord.userMessage({ channel: post, author: birch, content: 'plant an oak' })
  await archived(node, ({ messages }) => messages === 255, 'live')
  discord.editMessage(said, { content: 'see the red oak' })
  discord.deleteMessage(doomed)
  await eventually('the edit and the deletion', () => textsOf(node, 'oak').length === 3)
  assert.deepEqual(textsOf(node, 'oak'), ['an oak in a thread', 'plant an oak', 'see the red oak'])
  assert.deepEqual(textsOf(node, 'elm'), ['elm, long ago'])
  discord.assertClean()
})

test('what happened while the bot was away is caught up with: new messages, edits and deletions', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, general, alder } = world
  const first = discord.userMessage({ channel: general, author: alder, content: 'ash one', quiet: true })
  const doomed = discord.userMessage({ channel: general, author: alder, content: 'ash two', quiet: true })
  discord.userMessage({ channel: general, author: alder, content: 'ash three', quiet: true })
  const node = await world.node()
  const bot = await world.bot(node)
  await ask(node, 'archive', { action: 'start', channel: general.id }, { caller: world.steward() })
  await archived(node, ({ messages }) => messages === 3, 'the beginning')
  await bot.stop()
  discord.editMessage(first, { content: 'ash one, edited' })
  discord.deleteMessage(doomed)
  for (let index = 0; index < 230; index++)
    discord.userMessage({ channel: general, author: alder, content: `away ${index}` })
  await world.bot(node)
  await archived(node, ({ messages }) => messages === 233, 'what was missed')
  assert.deepEqual(textsOf(node, 'ash'), ['ash one, edited', 'ash three'])
})

test('a session that was lost, not resumed, is caught up with', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, general, alder } = world
  const node = await world.node()
  await world.bot(node)
  await ask(node, 'archive', { action: 'start', channel: general.id }, { caller: world.steward() })
  await archived(node, ({ channels }) => channels[0]?.activity === 'keeping what is said', 'ready')
  discord.gateway.close()
  for (let index = 0; index < 5; index++)
    discord.userMessage({ channel: general, author: alder, content: `unheard ${index}` })
  discord.gateway.refuseResumes(1)
  discord.gateway.open()
  await archived(node, ({ messages }) => messages === 5, 'what nobody heard')
})

test('a channel that may not be read is told in the status, is never taken for empty, and goes on by itself', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, guild, general, alder } = world
  for (let index = 0; index < 150; index++)
    discord.userMessage({ channel: general, author: alder, content: `kept ${index}`, quiet: true })
  const node = await world.node()
  const bot = await world.bot(node)
  await ask(node, 'archive', { action: 'start', channel: general.id }, { caller: world.steward() })
  await archived(node, ({ messages }) => messages === 150, 'all')
  await bot.stop()
  const role = guild.botRole(discord.application)
  guild.setOverwrite(general, role, { deny: ['ReadMessageHistory'] })
  await world.bot(node)
  await archived(node, ({ channels }) => channels[0]?.trouble !== null, 'the trouble')
  const [channel] = statusOf(node).channels
  assert.equal(channel?.trouble, 'the bot may not read what was said before')
  assert.equal(textsOf(node, 'kept').length, 50, 'nothing is taken for deleted')
  discord.userMessage({ channel: general, author: alder, content: 'said meanwhile' })
  guild.setOverwrite(general, role, { allow: ['ReadMessageHistory'] })
  await archived(
    node,
    ({ channels, messages }) => channels[0]?.trouble === null && messages === 151,
    'it goes on',
  )
})

test('a member finds only what they may see on Discord, and a channel that is closed is found no more', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, guild, general, alder } = world
  const council = guild.addChannel('council')
  guild.setOverwrite(council, guild.everyone, { deny: ['ViewChannel'] })
  guild.setOverwrite(council, guild.botRole(discord.application), { allow: ['ViewChannel'] })
  discord.userMessage({ channel: council, author: alder, content: 'a secret larch', quiet: true })
  discord.userMessage({ channel: general, author: alder, content: 'an open larch', quiet: true })
  const node = await world.node()
  await world.bot(node)
  for (const channel of [general, council])
    await ask(node, 'archive', { action: 'start', channel: channel.id }, { caller: world.steward() })
  await archived(node, ({ messages }) => messages === 2, 'both')
  const find = async (caller: object) => {
    const { hits } = await ask(
      node,
      'archive',
      { action: 'search', query: 'larch' },
      { caller: { id: 'discord:1', permission: 'member', ...caller } as never },
    )
    return hits.map(({ snippet }: { snippet: string }) => snippet).sort()
  }
  const group = idOf(guild)
  assert.deepEqual(await find({ group }), ['an open larch'])
  assert.deepEqual(await find({ group, channels: [idOf(council)] }), ['a secret larch', 'an open larch'])
  assert.deepEqual(await find({ group: 'discord:1' }), [], 'another server')
  assert.deepEqual(await find({ group: 'discord:direct' }), [], 'a direct conversation')
  assert.deepEqual(await find({ id: 'api:1' }), ['an open larch'], 'a member’s program')
  guild.setOverwrite(general, guild.everyone, { deny: ['ViewChannel'] })
  await eventually('it is closed here too', async () => (await find({ group })).length === 0)
})

test('which channels somebody may see is worked out as Discord does', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, guild, general } = world
  const [gardener, guest, helper, owner] = ['gardener', 'guest', 'helper', 'admin'].map((name) =>
    guild.addRole(name, name === 'admin' ? { permissions: ['Administrator'] } : {}),
  )
  const shed = guild.addChannel('shed')
  guild.setOverwrite(shed, guild.everyone, { deny: ['ViewChannel'] })
  guild.setOverwrite(shed, gardener as never, { allow: ['ViewChannel'] })
  guild.setOverwrite(shed, guild.botRole(discord.application), { allow: ['ViewChannel'] })
  const lawn = guild.addChannel('lawn')
  guild.setOverwrite(lawn, guest as never, { deny: ['ViewChannel'] })
  guild.setOverwrite(lawn, helper as never, { allow: ['ViewChannel'] })
  const members = [[], [gardener], [guest], [guest, helper], [owner], [guest, gardener]].map(
    (roles, index) => {
      const user = discord.addUser(`rowan-${index}`)
      guild.addMember(user, { roles: roles as never })
      return user
    },
  )
  guild.setOverwrite(lawn, members[0] as never, { deny: ['ViewChannel'] })
  guild.setOverwrite(shed, members[2] as never, { allow: ['ViewChannel'] })
  const thread = discord.addThread(shed, 'tools')
  const secret = discord.addThread(general, 'surprise', { isPrivate: true, members: [members[1] as never] })
  const node = await world.node()
  const { client } = await world.bot(node)
  for (const user of [...members, world.alder]) {
    const roles = guild.members.get(user.id)?.roles ?? []
    const seen = channelsSeenBy(client, guild.id, { user: user.id, roles })
    const right = [general, shed, lawn, thread].filter((channel) => maySee(guild, channel, user.id)).map(idOf)
    assert.deepEqual(seen?.filter((id) => id !== idOf(secret)).sort(), right.sort(), user.name)
  }
  assert.equal(channelsSeenBy(client, '1', { user: '2', roles: [] }), undefined)
})

test('an export has every message and attachment, also after every link at Discord is dead, and is safe to open', async () => {
  await using world = await ArchiveWorld.start({ rateLimits: 'generous', judge: false })
  const { discord, general } = world
  const hostile = discord.addUser('evil', { displayName: '</b><script>alert(1)</script>' })
  const attached = new Map<string, Buffer>()
  const start = Date.parse('2026-03-01T00:00:00Z')
  for (let index = 0; index < 1_000; index++) {
    const isAttached = index % 5 === 0
    const bytes = Buffer.from(`the bytes of leaf ${index} `.repeat(50 + index))
    const name = index === 0 ? 'page.html' : index === 5 ? '..%2f“é” <img src=x>.png' : `leaf-${index}.png`
    const upload = isAttached ? [discord.upload(name, bytes)] : []
    const message = discord.userMessage({
      channel: general,
      author: hostile,
      content: `<img src=x onerror=alert(${index})> & "leaf" 'number' ${index}`,
      attachments: upload,
      at: new Date(start + index * 3 * 60_000),
      quiet: true,
    })
    if (isAttached) attached.set(message.id, bytes)
  }
  const node = await world.node()
  await world.bot(node)
  await ask(node, 'archive', { action: 'start', channel: general.id }, { caller: world.steward() })
  await archived(node, ({ messages, attachments }) => messages === 1_000 && attachments.kept === 200, 'all')
  discord.advance(2 * DAY_MS)

  const folder = mkdtempSync(join(tmpdir(), 'kizuna-export-'))
  try {
    const result = await ask(node, 'archive', { action: 'export', path: folder })
    assert.deepEqual(result.attachments, { written: 200, missing: 0 })
    assert.equal(result.messages, 1_000)
    const root = result.path as string
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    const days = files.filter((file) => /messages.*\.json$/.test(file))
    assert.equal(days.length, 3, 'a file for each day')
    const messages = days.flatMap((file) => JSON.parse(readFileSync(join(root, file), 'utf8')))
    assert.equal(new Set(messages.map(({ id }) => id)).size, 1_000)
    let whole = 0
    for (const message of messages) {
      const bytes = attached.get(message.id)
      if (bytes === undefined) continue
      const [attachment] = message.attachments
      const read = readFileSync(join(root, attachment.file))
      assert.equal(Buffer.compare(read, bytes), 0)
      assert.equal(attachment.sha256, createHash('sha256').update(bytes).digest('hex'))
      whole++
    }
    assert.equal(whole, 200)
    const pages = files.filter((file) => file.endsWith('.html'))
    assert.ok(pages.length >= 5)
    for (const page of pages) {
      const html = readFileSync(join(root, page), 'utf8')
      assert.doesNotMatch(html, /<script|<img src=x|onerror=[^&]*>(?!)/, page)
      assert.match(html, /default-src 'none'/)
      for (const [, link = ''] of html.matchAll(/(?:href|src)="([^"#]+)"/g)) {
        assert.doesNotMatch(link, /^[a-z]+:|^\//i, 'nothing but what lies beside it')
        readFileSync(join(root, page, '..', decodeURIComponent(link)))
      }
    }
    assert.ok(!files.some((file) => /attachments.*\.html$/.test(file)), 'nothing that a browser would run')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('when the node of the bot is gone another member finds and exports what it kept', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, general, alder } = world
  const bytes = Buffer.from('a photograph of the first meeting')
  discord.userMessage({
    channel: general,
    author: alder,
    content: 'the first meeting under the lime tree',
    attachments: [discord.upload('meeting.jpg', bytes)],
    quiet: true,
  })
  const node = await world.node()
  const others = [await world.node(), await world.node()] as const
  await world.nodes.join(node, ...others)
  const bot = await world.bot(node)
  await ask(node, 'archive', { action: 'start', channel: general.id }, { caller: world.steward() })
  await archived(node, ({ attachments }) => attachments.kept === 1, 'all')
  await node.services.archive.seal()
  const [other] = others
  await eventually('the record and the bytes are with others', async () => {
    const { segments } = other.services.archive.status('all')
    const kept = node.services.content.keptObjects()
    const safe = await Promise.all(kept.map(({ id }) => node.services.content.durability(id)))
    return segments.toRead === 1 && safe.every(({ confirmed }) => confirmed >= 3)
  })
  await bot.stop()
  await node.stop()
  const found = await ask(other, 'archive', { action: 'search', query: 'lime' })
  assert.equal(found.hits[0]?.snippet, 'the first meeting under the lime tree')
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-export-'))
  try {
    const result = await ask(other, 'archive', { action: 'export', path: folder })
    assert.deepEqual(result.attachments, { written: 1, missing: 0 })
    const files = readdirSync(result.path, { recursive: true, encoding: 'utf8' })
    const picture = files.find((file) => file.endsWith('meeting.jpg')) ?? ''
    assert.equal(Buffer.compare(readFileSync(join(result.path, picture)), bytes), 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('who opts out is left out, and what was kept of them is erased by the command that shows and erases personal data', async () => {
  await using world = await ArchiveWorld.start()
  const { discord, guild, general, alder } = world
  const birch = discord.addUser('birch')
  guild.addMember(birch)
  discord.userMessage({ channel: general, author: birch, content: 'a private hazel', quiet: true })
  discord.userMessage({ channel: general, author: alder, content: 'a public hazel', quiet: true })
  const node = await world.node()
  await world.bot(node)
  await ask(node, 'archive', { action: 'start', channel: general.id }, { caller: world.steward() })
  await archived(node, ({ messages }) => messages === 2, 'both')
  const caller = { id: idOf(birch), permission: 'anyone', group: idOf(guild) } as const
  const answer = await ask(node, 'archive', { action: 'optout', erase: true }, { caller })
  assert.equal(answer.erased, 1)
  discord.userMessage({ channel: general, author: birch, content: 'another hazel of mine' })
  discord.userMessage({ channel: general, author: alder, content: 'a last hazel' })
  await archived(node, ({ messages }) => messages === 2, 'the last one')
  assert.deepEqual(textsOf(node, 'hazel'), ['a last hazel', 'a public hazel'])
  const { erased } = await ask(
    node,
    'privacy',
    { action: 'delete', confirm: true },
    { caller: { ...caller, id: idOf(alder) } },
  )
  assert.equal(erased['conversation archive'], 2)
  assert.deepEqual(textsOf(node, 'hazel'), [])
})
