/** The archive as people at Discord use it: the real bot as a process of its own, asked by slash commands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BotGroup } from '../fixtures/discord-bots.ts'
import { isEphemeral, textOf } from '../fixtures/discord-stand-in/read-message.ts'
import type { StandInUser } from '../fixtures/discord-stand-in/world-entities.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const KEPT_MS = 60_000

test('a steward starts it, members find what they may read and nothing else, whoever opts out is erased', async () => {
  await using group = await BotGroup.open({ rateLimits: 'generous' })
  const { discord } = group
  const alder = discord.addUser('alder')
  const guild = discord.addGuild({ name: 'Grove', owner: alder, applications: [] })
  const general = guild.addChannel('general')
  const council = guild.addChannel('council')
  const elder = guild.addRole('elder')
  guild.setOverwrite(council, guild.everyone, { deny: ['ViewChannel'] })
  guild.setOverwrite(council, elder, { allow: ['ViewChannel'] })
  const birch = group.person(guild)
  const cedar = group.person(guild)
  guild.setRoles(cedar, [elder])
  discord.userMessage({ channel: general, author: birch, content: 'the yew by the gate', quiet: true })
  discord.userMessage({ channel: council, author: cedar, content: 'the yew will be felled', quiet: true })
  const bot = await group.start('bot', { guilds: [guild] })
  guild.setOverwrite(council, guild.botRole(bot.application), {
    allow: ['ViewChannel', 'ReadMessageHistory'],
  })

  const ask = async (by: StandInUser, name: string, options: Record<string, unknown> = {}) => {
    const asked = discord.interact({
      kind: 'slash',
      name: `archive ${name}`,
      options: options as never,
      by,
      channel: general,
      application: bot.application,
    })
    return asked.reply(20_000)
  }
  // What the bot itself says openly is part of the conversation, and kept too.
  const found = async (query: string) =>
    ((await bot.node.call('archive', { action: 'search', query })).hits as unknown[]).length

  assert.match(textOf(await ask(birch, 'start', { channel: general.id })), /manage|may/i)
  for (const channel of [general, council])
    assert.match(textOf(await ask(alder, 'start', { channel: `<#${channel.id}>` })), new RegExp(channel.name))
  await waitUntil('both are kept', KEPT_MS, async () => (await found('yew')) === 2)

  const ofBirch = await ask(birch, 'search', { query: 'yew' })
  assert.ok(isEphemeral(ofBirch), 'for the asker alone')
  assert.match(textOf(ofBirch), /by the gate/)
  assert.doesNotMatch(textOf(ofBirch), /felled/)
  const ofCedar = textOf(await ask(cedar, 'search', { query: 'yew' }))
  assert.match(ofCedar, /by the gate/)
  assert.match(ofCedar, /felled/)
  guild.setRoles(cedar, [])
  assert.doesNotMatch(
    textOf(await ask(cedar, 'search', { query: 'yew' })),
    /felled/,
    'at once when the role is gone',
  )

  const out = await ask(birch, 'optout', { erase: true })
  assert.ok(isEphemeral(out))
  discord.userMessage({ channel: general, author: birch, content: 'the yew again' })
  discord.userMessage({ channel: general, author: alder, content: 'a yew of mine' })
  await waitUntil('what the others say is kept', KEPT_MS, async () => (await found('"yew of mine"')) === 1)
  const left = textOf(await ask(alder, 'search', { query: 'yew' }))
  assert.match(left, /a yew of mine/)
  assert.doesNotMatch(left, /gate|again/)
  assert.match(textOf(await ask(birch, 'status')), /general/)
  group.assertNoTokenInLogs()
  discord.assertClean()
})
