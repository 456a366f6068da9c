/** The bot on a Discord of our own, with a real node behind it: each command's way from a click to its answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../src/node/start-nodes.suite.ts'
import { bytesOf, isEphemeral, mentionsMade, textOf } from '../fixtures/discord-stand-in/read-message.ts'
import type { WireMessage } from '../fixtures/discord-stand-in/world-entities.ts'
import { BotWorld } from './discord-bot-world.ts'

const ID = /bafk[a-z2-7]{20,}/

test('logs in, registers its commands and answers /ping within 3 s [K-04] [K-13]', async () => {
  await using world = await BotWorld.open()
  const { bot } = await world.start()
  await world.discord.registered()
  const { channel, alder: by } = world
  const asked = world.discord.interact({ kind: 'slash', name: 'ping', by, channel })
  assert.match(textOf(await asked.reply()), /Pong!/)
  assert.match(
    bot.inviteLink() ?? '',
    /^https:\/\/discord\.com\/oauth2\/authorize\?client_id=\d+&scope=bot\+/,
  )
  world.discord.assertClean()
})

test('a file is shared by its attachment and comes back as one [K-52] [K-53]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const upload = discord.upload('leaf.txt', 'a leaf')
  const shared = discord.interact({ kind: 'slash', name: 'share', options: { file: upload }, by, channel })
  const card = textOf(await shared.until((message) => ID.test(textOf(message))))
  assert.match(card, /leaf\.txt/)
  const id = ID.exec(card)?.[0] ?? ''
  const got = discord.interact({ kind: 'slash', name: 'get', options: { id }, by, channel })
  const message = await got.until((each) => each.attachments.length > 0)
  assert.equal(Buffer.from(await bytesOf(message.attachments[0] as { url: string })).toString(), 'a leaf')
  assert.deepEqual(mentionsMade(message), { everyone: false, users: [], roles: [] })
  discord.assertClean()
})

test('text, lists, facts, keeping and forgetting answer on their surface [K-12] [K-14] [K-54] [K-55]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, alder: by } = world
  await discord.registered()
  const slash = async (name: string, options: Record<string, unknown> = {}) => {
    const asked = discord.interact({ kind: 'slash', name, options: options as never, by, channel })
    await asked.answered()
    return asked.reply()
  }
  const shared = await slash('share', { text: 'words', name: 'words.txt' })
  const id = ID.exec(textOf(shared))?.[0] ?? ''
  assert.match(textOf(await slash('list')), /words\.txt/)
  assert.match(textOf(await slash('describe', { id })), /words\.txt/)
  assert.match(textOf(await slash('keep', { id })), /Kept/)
  const status = textOf(await slash('status'))
  assert.match(status, /Up for/)
  assert.match(status, /✅ discord/)
  assert.match(textOf(await slash('peers')), /No peer/)
  assert.match(textOf(await slash('sync')), /Exchanged/)
  assert.match(textOf(await slash('doctor')), /Permissions here/)
  assert.match(textOf(await slash('help')), /\/share|<\/share/)
  const forgotten = await slash('forget', { id, everywhere: true })
  assert.match(textOf(forgotten), /Forgotten/)
  discord.assertClean()
})

test('what is for one person alone is shown to nobody else', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, alder: by } = world
  await discord.registered()
  for (const [name, pattern] of [
    ['history', /ping|Nothing/],
    ['invite', /kizuna/i],
    ['privacy export', /about you/],
    ['setup', /Setup/],
  ] as const) {
    const asked = discord.interact({ kind: 'slash', name, by, channel })
    const reply = await asked.reply()
    assert.ok(isEphemeral(reply), name)
    assert.match(textOf(reply), pattern, name)
  }
  discord.assertClean()
})

test('an error is a short sentence for the asker alone, in the asker’s language', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const wrong = discord.interact({
    kind: 'slash',
    name: 'get',
    options: { id: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' },
    by,
    channel,
    locale: 'fr',
  })
  const { ephemeral } = await wrong.acknowledged()
  const message = ephemeral ? await wrong.reply() : ((await wrong.followUps(1))[0] as WireMessage)
  assert.ok(isEphemeral(message))
  assert.match(textOf(message), /Personne|morceau|joignables/)
  const denied = discord.interact({
    kind: 'slash',
    name: 'forget',
    options: { id: 'bafk' },
    by,
    channel,
    unchecked: true,
  })
  const refusal = await denied.reply()
  assert.ok(isEphemeral(refusal))
  assert.match(textOf(refusal), /manage this server/)
  discord.assertClean()
})

test('buttons outlive the bot', async () => {
  await using world = await BotWorld.open()
  const { node, bot } = await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const shared = discord.interact({ kind: 'slash', name: 'share', options: { text: 'seed' }, by, channel })
  const card = await shared.until((message) => ID.test(textOf(message)))
  await bot.stop()
  await world.startBot(node)
  const pressed = discord.interact({ kind: 'button', on: card, press: 'About it', by })
  assert.match(textOf(await pressed.reply()), /text\.txt/)
  discord.assertClean()
})

test('interactions that come by HTTP, signed, go the same way; forged ones do not', async () => {
  await using world = await BotWorld.open()
  const { bot } = await world.start({ discordHttpPort: 0 })
  const { discord, channel, birch: by } = world
  await discord.registered()
  const url = `http://127.0.0.1:${bot.httpPort()}/`
  await discord.setInteractionsEndpoint(url)
  const asked = discord.interact({ kind: 'slash', name: 'ping', by, channel })
  assert.match(textOf(await asked.reply()), /Pong!/)
  const shared = discord.interact({ kind: 'slash', name: 'share', options: { text: 'by http' }, by, channel })
  assert.match(textOf(await shared.until((message) => ID.test(textOf(message)))), /text\.txt/)
  const unsigned = await fetch(url, { method: 'POST', body: '{"type":1,"id":"1"}' })
  assert.equal(unsigned.status, 401)
  const long = await fetch(url, { method: 'POST', body: 'x'.repeat(1_100_000) }).catch(() => undefined)
  assert.ok(long === undefined || long.status === 413)
  discord.assertClean()
})

test('a new server is welcomed once; its people are answered; leaving it ends what they were [A-20]', async () => {
  await using world = await BotWorld.open()
  const { node } = await world.start()
  const { discord, birch } = world
  await discord.registered()
  const meadow = discord.addGuild({ name: 'Meadow', owner: birch, applications: [] })
  const channel = meadow.addChannel('general')
  const welcomes = () =>
    discord.messagesIn(channel).filter((message) => /Kizuna is here/.test(textOf(message)))
  meadow.install(discord.application)
  await eventually('a welcome', () => welcomes().length === 1)
  const asked = discord.interact({ kind: 'slash', name: 'list', by: birch, channel })
  assert.match(textOf(await asked.reply()), /Nothing is shared/)
  const known = () => node.services.index.get('SELECT 1 FROM discord_member WHERE guild = ?', meadow.id)
  await eventually('it is noted', () => known() !== undefined)
  meadow.uninstall(discord.application)
  await eventually('it is forgotten', () => known() === undefined)
  meadow.install(discord.application)
  const again = discord.interact({ kind: 'slash', name: 'ping', by: birch, channel })
  assert.match(textOf(await again.reply()), /Pong!/)
  assert.equal(welcomes().length, 1)
})
