/** A bot that everybody may add to a server of their own: strangers manage theirs, and nothing of ours. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from '../fixtures/discord-stand-in/read-message.ts'
import { BotWorld } from './discord-bot-world.ts'

test('managers of servers that are not the owner’s count only when the settings name them [A-65]', async () => {
  await using world = await BotWorld.open()
  const { discord } = world
  discord.application.isPublic = true
  const stranger = discord.addUser('thorn')
  const theirs = discord.addGuild({ name: 'Bramble', owner: stranger })
  const there = theirs.addChannel('general')
  const { bot, node } = await world.start()
  await discord.registered()
  assert.match(bot.notices().join(' '), /Public Bot/)
  const invite = async () => {
    const asked = discord.interact({ kind: 'slash', name: 'invite', by: stranger, channel: there })
    return textOf(await asked.reply())
  }
  assert.match(await invite(), /manage/)
  const asked = discord.interact({ kind: 'slash', name: 'ping', by: stranger, channel: there })
  assert.match(textOf(await asked.reply()), /Pong!/)
  assert.equal((await node.services.membership.invites()).length, 0)
  discord.assertClean()
})

test('in a bot that only its owner may add, whoever manages a server looks after it [A-65]', async () => {
  await using world = await BotWorld.open()
  const { discord } = world
  const manager = discord.addUser('holly')
  const theirs = discord.addGuild({ name: 'Bramble', owner: manager })
  const there = theirs.addChannel('general')
  const { node } = await world.start()
  await discord.registered()
  const asked = discord.interact({ kind: 'slash', name: 'invite', by: manager, channel: there })
  await asked.answered()
  assert.equal(node.services.membership.invites().length, 1)
})
