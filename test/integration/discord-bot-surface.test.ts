/** What Discord has besides slash commands: completions, menus, forms, pages, the setup; and what it lacks: permissions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../src/node/start-nodes.suite.ts'
import { controlsOf, isEphemeral, mentionsMade, textOf } from '../fixtures/discord-stand-in/read-message.ts'
import { BotWorld } from './discord-bot-world.ts'

const ID = /bafk[a-z2-7]{20,}/

async function share(world: BotWorld, name: string, text: string): Promise<string> {
  const { discord, channel, alder: by } = world
  const asked = discord.interact({ kind: 'slash', name: 'share', options: { text, name }, by, channel })
  return ID.exec(textOf(await asked.until((message) => ID.test(textOf(message)))))?.[0] ?? ''
}

test('ids are completed by name, commands by their beginning; strangers see nothing', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const id = await share(world, 'holiday.mp4', 'waves')
  const typed = (name: string, field: string, value: string) =>
    discord.interact({ kind: 'autocomplete', name, options: { [field]: value }, focused: field, by, channel })
  const choices = await typed('get', 'id', 'holi').choices()
  assert.deepEqual(
    choices.map(({ value }) => value),
    [id],
  )
  assert.match(choices[0]?.name ?? '', /^holiday\.mp4 · 5 B$/)
  assert.deepEqual(await typed('get', 'id', 'nothing like it').choices(), [])
  assert.ok((await typed('help', 'command', 'sh').choices()).some(({ value }) => value === 'share'))
  const direct = discord.directChannel(discord.addUser('stranger'))
  const stranger = discord.interact({
    kind: 'autocomplete',
    name: 'get',
    options: { id: 'holi' },
    focused: 'id',
    by: direct.recipients?.[0] as never,
    channel: direct,
  })
  assert.deepEqual(await stranger.choices(), [])
  discord.assertClean()
})

test('“Store this message” keeps text and files; “Verify this file” recognises them', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by, alder } = world
  await discord.registered()
  const upload = discord.upload('leaf.txt', 'a leaf, and more of it')
  const target = discord.userMessage({ channel, author: alder, content: 'look', attachments: [upload] })
  const stored = discord.interact({ kind: 'message', name: 'Store this message', target, by, channel })
  const card = textOf(await stored.until((message) => /Stored/.test(textOf(message))))
  assert.match(card, /Stored: 2 things/)
  assert.match(card, /leaf\.txt/)
  const verified = discord.interact({ kind: 'message', name: 'Verify this file', target, by, channel })
  const verdict = await verified.until((message) => /SHA-256/.test(textOf(message)))
  assert.ok(isEphemeral(verdict))
  assert.match(textOf(verdict), /byte for byte/)
  const other = discord.userMessage({
    channel,
    author: alder,
    attachments: [discord.upload('other.txt', 'something else')],
  })
  const unknown = discord.interact({ kind: 'message', name: 'Verify this file', target: other, by, channel })
  assert.match(textOf(await unknown.until((message) => /SHA-256/.test(textOf(message)))), /not known here/)
  discord.assertClean()
})

test('a share without anything asks for a text by a form; so does feedback', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const empty = discord.interact({ kind: 'slash', name: 'share', by, channel, locale: 'fr' })
  assert.equal((await empty.modal()).title, 'Partager un texte')
  const values = { text: 'from a form', name: 'form.txt' }
  const sent = discord.interact({ kind: 'modal', from: empty, values, by })
  assert.match(textOf(await sent.until((message) => ID.test(textOf(message)))), /form\.txt/)
  const silent = discord.interact({ kind: 'slash', name: 'feedback', by, channel })
  await silent.modal()
  const told = discord.interact({ kind: 'modal', from: silent, values: { text: 'good' }, by })
  const thanks = await told.reply()
  assert.ok(isEphemeral(thanks))
  assert.match(textOf(thanks), /Thank you/)
  discord.assertClean()
})

test('a long list has pages, for the one who asked alone', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by, alder } = world
  await discord.registered()
  for (let count = 1; count <= 9; count++) await share(world, `leaf-${count}.txt`, `leaf ${count}`)
  for (let count = 1; count <= 3; count++) {
    const options = { text: `twig ${count}`, name: `twig-${count}.txt` }
    const asked = discord.interact({ kind: 'slash', name: 'share', options, by, channel })
    await asked.until((message) => ID.test(textOf(message)))
  }
  const asked = discord.interact({ kind: 'slash', name: 'list', by, channel })
  const first = await asked.reply()
  assert.match(textOf(first), /1–10 of 12/)
  const next = discord.interact({ kind: 'button', on: first, press: 'Next ▶', by })
  await next.answered()
  await eventually('the second page', () =>
    discord.messagesIn(channel).some((message) => /11–12 of 12/.test(textOf(message))),
  )
  const second = discord.messagesIn(channel).find((message) => message.id === first.id)
  const foreign = discord.interact({ kind: 'button', on: second as never, press: '◀ Back', by: alder })
  const refusal = await foreign.reply()
  assert.ok(isEphemeral(refusal))
  assert.match(textOf(refusal), /not for you/)
  discord.assertClean()
})

test('the setup saves each choice at once, across a restart; roles then count', async () => {
  await using world = await BotWorld.open()
  const { node, bot } = await world.start()
  const { discord, guild, channel, alder, birch } = world
  await discord.registered()
  const gardeners = guild.addRole('gardeners')
  const asked = discord.interact({ kind: 'slash', name: 'setup', by: alder, channel })
  const card = await asked.reply()
  assert.ok(isEphemeral(card))
  const selects = controlsOf(card).filter(({ kind }) => kind === 'select')
  const members = selects.find(({ customId }) => customId.includes('members'))
  const chosen = discord.interact({
    kind: 'select',
    on: card,
    customId: members?.customId as string,
    values: [gardeners.id],
    by: alder,
  })
  await chosen.answered()
  await eventually('it is saved', () => node.services.index.get('SELECT 1 FROM discord_guild') !== undefined)
  await bot.stop()
  await world.startBot(node)
  const denied = discord.interact({ kind: 'slash', name: 'list', by: birch, channel })
  assert.match(textOf(await denied.reply()), /members only/)
  guild.setRoles(birch, [gardeners])
  const allowed = discord.interact({ kind: 'slash', name: 'list', by: birch, channel })
  assert.match(textOf(await allowed.reply()), /Nothing is shared/)
})

test('the doctor names missing permissions and a role that stands too low', async () => {
  await using world = await BotWorld.open()
  const { node } = await world.start()
  const { discord, guild, channel, alder: by } = world
  await discord.registered()
  const high = guild.addRole('high', { position: 50 })
  node.services.index.run(
    'INSERT INTO discord_guild (guild, settings) VALUES (?, ?)',
    guild.id,
    JSON.stringify({ stewardRoles: [high.id] }),
  )
  guild.withdraw(discord.application, ['AttachFiles', 'EmbedLinks'])
  const asked = discord.interact({ kind: 'slash', name: 'doctor', by, channel })
  const text = textOf(await asked.until((message) => /Doctor/.test(textOf(message))))
  assert.match(text, /lacks, in this channel: Embed Links, Attach Files/)
  assert.match(text, /stands below high/)
  assert.match(text, /[GM]B are free\./)
  assert.ok(!text.includes(node.services.config.home), 'where the data folder is concerns nobody here')
  discord.assertClean()
})

test('the doctor and the state are said in the person’s language, step by step', async () => {
  await using world = await BotWorld.open()
  const { node } = await world.start()
  const { discord, guild, channel } = world
  await discord.registered()
  const by = discord.addUser('sapin', { locale: 'fr' })
  guild.addMember(by)
  const answer = async (name: string, title: RegExp, options = {}) => {
    const asked = discord.interact({ kind: 'slash', name, options, by, channel })
    return textOf(await asked.until((message) => title.test(textOf(message))))
  }
  const doctor = await answer('doctor', /Docteur/)
  assert.match(doctor, /\*\*Pairs\*\* Ce nœud est seul dans son espace\./)
  assert.match(doctor, /\*\*Disque\*\* [\d.]+ [GMT]B libres\./)
  assert.ok(!doctor.includes(node.services.config.home))
  const id = await share(world, 'gland.txt', 'gland')
  const walked = await answer('doctor', /Docteur/, { id })
  assert.match(walked, /\*\*Manifeste\*\* Taille [\d.]+ k?B ; morceaux : 1\./)
  assert.match(walked, /C’est lisible\./)
  for (const text of [doctor, walked])
    assert.doesNotMatch(text, /\b(is|are|of|this|peers|chunks|open|addresses)\b/, text)
  const status = await answer('status', /Nœud/)
  assert.match(status, /(Rien n’est cassé\.|Tout va bien, mais|Ne marche pas entièrement)/)
  discord.assertClean()
})

test('help shows what the person may do, and no more [A-43]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, alder, birch } = world
  await discord.registered()
  const helpFor = async (by: typeof alder) =>
    textOf(await discord.interact({ kind: 'slash', name: 'help', by, channel }).reply())
  assert.match(await helpFor(alder), /invite/)
  const member = await helpFor(birch)
  assert.doesNotMatch(member, /<\/invite|<\/setup|<\/forget/)
  assert.match(member, /<\/share/)
  const one = discord.interact({
    kind: 'slash',
    name: 'help',
    options: { command: 'share' },
    by: birch,
    channel,
  })
  assert.match(textOf(await one.reply()), /members/)
})

test('hostile names and 4,000 characters are shown tamed, and nobody is notified [A-70]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, alder, birch: by } = world
  await discord.registered()
  const name = `@everyone <@${alder.id}> ${'Z\u0335\u0336\u0337\u0338'.repeat(20)}\u202egpj.exe`
  const options = { text: 'x'.repeat(4_000), name }
  const asked = discord.interact({ kind: 'slash', name: 'share', options, by, channel })
  const message = await asked.until((each) => ID.test(textOf(each)))
  assert.deepEqual(mentionsMade(message), { everyone: false, users: [], roles: [] })
  assert.doesNotMatch(textOf(message), /\u202e|@everyone|\p{M}{3}/u)
  const listed = await discord.interact({ kind: 'slash', name: 'list', by, channel }).reply()
  assert.deepEqual(mentionsMade(listed), { everyone: false, users: [], roles: [] })
  discord.assertClean()
})
