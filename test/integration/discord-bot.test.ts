/** The bot on a Discord of our own, with a real node behind it: each command's way from a click to its answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from '../fixtures/discord-stand-in/read-message.ts'
import { BotWorld } from './discord-bot-world.ts'

test('logs in, registers its commands and answers /ping within 3 s [K-04] [K-13]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  await world.discord.registered()
  const { channel, alder: by } = world
  const asked = world.discord.interact({ kind: 'slash', name: 'ping', by, channel })
  assert.match(textOf(await asked.reply()), /Pong!/)
  world.discord.assertClean()
})
