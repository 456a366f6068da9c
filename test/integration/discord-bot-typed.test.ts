/** Typed commands: prefix, mention, what is for one person alone, and a Discord that does not let the bot read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../src/node/start-nodes.suite.ts'
import { bytesOf, textOf } from '../fixtures/discord-stand-in/read-message.ts'
import type { WireMessage } from '../fixtures/discord-stand-in/world-entities.ts'
import { BotWorld } from './discord-bot-world.ts'

/** What the bot answered in a channel to what was typed there. */
async function answerTo(world: BotWorld, content: string, attachments: unknown[] = []): Promise<WireMessage> {
  const { discord, channel, birch: author } = world
  const before = discord.messagesIn(channel).length
  discord.userMessage({ channel, author, content, attachments: attachments as never })
  let answer: WireMessage | undefined
  await eventually(`an answer to ${content}`, () => {
    answer = discord
      .messagesIn(channel)
      .slice(before + 1)
      .find((message) => !/Working/.test(textOf(message)))
    return answer !== undefined
  })
  return answer as WireMessage
}

test('the prefix and a mention give the same commands as slashes [K-10] [K-12]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord } = world
  await discord.registered()
  assert.match(textOf(await answerTo(world, '!ping')), /Pong!/)
  assert.match(textOf(await answerTo(world, `<@${discord.application.id}> ping`)), /Pong!/)
  assert.match(textOf(await answerTo(world, '!share "some words" --name words.txt')), /words\.txt/)
  const upload = discord.upload('leaf.txt', 'a leaf')
  const shared = textOf(await answerTo(world, '!share', [upload]))
  const id = /bafk[a-z2-7]+/.exec(shared)?.[0]
  const got = await answerTo(world, `!get ${id}`)
  assert.equal(Buffer.from(await bytesOf(got.attachments[0] as { url: string })).toString(), 'a leaf')
  assert.match(textOf(await answerTo(world, '!list --nonsense')), /no option/)
  discord.assertClean()
})

test('what is for the asker alone comes as a direct message', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, birch } = world
  await discord.registered()
  assert.match(textOf(await answerTo(world, '!history')), /direct message/)
  const direct = discord.messagesIn(discord.directChannel(birch))
  assert.match(textOf(direct.at(-1) as WireMessage), /asked|Nothing/)
  discord.assertClean()
})

test('other bots’ commands, talk and other bots are left alone', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: author } = world
  await discord.registered()
  const robot = discord.addUser('robot', { bot: true })
  world.guild.addMember(robot)
  for (const content of ['!play something', '!!!', 'ping', 'hello @everyone'])
    discord.userMessage({ channel, author, content })
  discord.userMessage({ channel, author: robot, content: '!ping' })
  await answerTo(world, '!ping')
  const ours = discord.messagesIn(channel).filter((message) => message.author.id === discord.application.id)
  assert.equal(ours.length, 1)
})

test('without the message content intent the bot starts, says so, and answers mentions [K-11]', async () => {
  await using world = await BotWorld.open()
  const { discord, guild } = world
  const blind = discord.addApplication({ name: 'blind', messageContent: false })
  guild.install(blind)
  const node = await world.nodes.startInMemory({ discordApi: discord.api, copies: 1 })
  const bot = await world.startBot(node, blind.token)
  assert.ok(bot.notices().some((notice) => /message content intent is off/.test(notice)))
  const state = async () =>
    (await node.services.health.report()).find(({ name }) => name === 'discord')?.state
  assert.equal(await state(), 'degraded')
  assert.match(textOf(await answerTo(world, `<@${blind.id}> ping`)), /Pong!/)
  const sessions = () => discord.frames.filter((frame) => JSON.stringify(frame).includes('RESUMED')).length
  discord.gateway.reconnect(blind)
  await eventually('it is connected again', () => sessions() > 0)
  await eventually('the state is known again', async () => (await state()) !== undefined)
  assert.equal(await state(), 'degraded', 'a new connection grants no intent')
})

test('only the intents of the configuration are asked for [K-11]', async () => {
  await using world = await BotWorld.open()
  await world.start({ discordIntents: 'Guilds,GuildMessages' })
  const { discord } = world
  await discord.registered()
  const identify = discord.frames.find(
    (frame) =>
      (frame as { payload?: { op?: number } }).payload?.op === 2 ||
      JSON.stringify(frame).includes('"intents"'),
  )
  const intents = Number(/"intents":(\d+)/.exec(JSON.stringify(identify))?.[1])
  assert.equal(intents, (1 << 0) | (1 << 9))
  assert.match(textOf(await answerTo(world, `<@${discord.application.id}> ping`)), /Pong!/)
})
