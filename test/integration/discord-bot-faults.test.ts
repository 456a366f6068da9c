/** What goes wrong between Discord and the bot; each time somebody gets an answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../src/node/start-nodes.suite.ts'
import { isEphemeral, textOf } from '../fixtures/discord-stand-in/read-message.ts'
import type { StandInInteraction } from '../fixtures/discord-stand-in/stand-in-interaction.ts'
import type { WireMessage } from '../fixtures/discord-stand-in/world-entities.ts'
import { BotWorld } from './discord-bot-world.ts'

/** The reason, wherever it came: as the answer itself, or for the asker alone behind what was begun for all. */
async function reasonOf(asked: StandInInteraction): Promise<WireMessage> {
  const { ephemeral } = await asked.acknowledged()
  return ephemeral ? asked.reply() : ((await asked.followUps(1))[0] as WireMessage)
}

test('a first answer is tried again after a 503 and a cut connection', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  discord.fail({ method: 'POST', path: /\/callback/, status: 503, times: 1 })
  assert.match(textOf(await discord.interact({ kind: 'slash', name: 'ping', by, channel }).reply()), /Pong!/)
  discord.fail({ method: 'POST', path: /\/callback/, disconnect: true, times: 1 })
  assert.match(textOf(await discord.interact({ kind: 'slash', name: 'ping', by, channel }).reply()), /Pong!/)
})

test('an edit that Discord fails comes again, not at once', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  discord.fail({ method: 'PATCH', path: /@original/, status: 503, times: 2 })
  const asked = discord.interact({ kind: 'slash', name: 'privacy export', by, channel })
  assert.match(textOf(await asked.reply()), /about you/)
  const edits = () => discord.calls.filter(({ method, path }) => method === 'PATCH' && /@original/.test(path))
  await eventually('three edits', () => edits().length >= 3)
  const [first, second] = edits()
  assert.ok((second?.startedMs ?? 0) - (first?.startedMs ?? 0) >= 140, 'it waited before it tried again')
})

test('a dead, an empty and a too large attachment are told in a sentence, for the asker alone', async () => {
  await using world = await BotWorld.open()
  await world.start({ discordAttachmentBytesMax: '1MB' })
  const { discord, channel, birch: by } = world
  await discord.registered()
  const dead = discord.upload('dead.txt', 'gone')
  discord.killAttachment(dead)
  const cases = [
    [dead, /cannot be had any more/],
    [discord.upload('empty.txt', ''), /is empty/],
    [discord.upload('large.bin', { sizeBytes: 500 * 1024 ** 2 }), /too large/],
  ] as const
  for (const [file, pattern] of cases) {
    const asked = discord.interact({ kind: 'slash', name: 'share', options: { file }, by, channel })
    const reason = await reasonOf(asked)
    assert.ok(isEphemeral(reason), String(pattern))
    assert.match(textOf(reason), pattern)
  }
  discord.assertClean()
})

test('a download that breaks off stores nothing half', async () => {
  await using world = await BotWorld.open()
  const { node } = await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const file = discord.upload('long.bin', new Uint8Array(600_000).fill(3))
  discord.cutAttachment(file, 200_000)
  const asked = discord.interact({ kind: 'slash', name: 'share', options: { file }, by, channel })
  assert.match(textOf(await reasonOf(asked)), /cannot be had any more/)
  assert.deepEqual(node.services.content.keptObjects(), [])
})

test('after fifteen minutes the answer comes into the channel', async () => {
  await using world = await BotWorld.open({ webhookLifeMs: 1 })
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const file = discord.upload('late.txt', 'late')
  discord.interact({ kind: 'slash', name: 'share', options: { file }, by, channel })
  await eventually('a message in the channel', () =>
    discord.messagesIn(channel).some((message) => /late\.txt/.test(textOf(message))),
  )
})

test('an answer that comes too late for Discord comes into the channel', async () => {
  await using world = await BotWorld.open({ acknowledgeWithinMs: 0 })
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  discord.interact({ kind: 'slash', name: 'ping', by, channel })
  await eventually('a message in the channel', () =>
    discord.messagesIn(channel).some((message) => /Pong!/.test(textOf(message))),
  )
})

test('a lost connection, a reconnect and an invalid session are overcome', async () => {
  await using world = await BotWorld.open({ heartbeatIntervalMs: 1_000 })
  const { node } = await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  // What is sent while nobody is connected is lost, on Discord, too.
  const answers = () =>
    eventually('an answer', async () => {
      const asked = discord.interact({ kind: 'slash', name: 'ping', by, channel })
      return await asked.reply(1_000).then(
        (message) => /Pong!/.test(textOf(message)),
        () => false,
      )
    })
  discord.gateway.reconnect()
  await answers()
  discord.gateway.drop(undefined, 4000)
  await answers()
  discord.gateway.invalidate(undefined, { resumable: false })
  await answers()
  await eventually('it is well again', async () => {
    const health = (await node.services.health.report()).find(({ name }) => name === 'discord')
    return health?.state === 'ok'
  })
})

test('a sick Discord opens the circuit and closes it again when it is well [A-71]', async () => {
  await using world = await BotWorld.open()
  const { node } = await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const { breakers } = node.services
  discord.fail({ method: 'PATCH', path: /original/, status: 503, times: 6 })
  discord.interact({ kind: 'slash', name: 'privacy export', by, channel })
  await eventually('it is open', () => breakers.states().discord === 'open')
  await eventually('it may be tried', () => breakers.states().discord === 'half-open')
  const asked = discord.interact({ kind: 'slash', name: 'privacy export', by, channel })
  assert.match(textOf(await asked.reply(30_000)), /about you/)
  await eventually('it is closed', () => breakers.states().discord === 'closed')
})

test('the eleventh command within ten seconds is refused with the time to wait [A-64]', async () => {
  await using world = await BotWorld.open()
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  const asked = Array.from({ length: 11 }, () =>
    discord.interact({ kind: 'slash', name: 'ping', by, channel }),
  )
  const replies = await Promise.all(asked.map((each) => each.reply()))
  const refused = replies.filter((message) => /too fast/.test(textOf(message)))
  assert.equal(refused.length, 1)
  assert.ok(isEphemeral(refused[0] as WireMessage))
  assert.match(textOf(refused[0] as WireMessage), /Try again in \d s/)
})

test('as many shards as Discord recommends are opened, and any of them brings commands', async () => {
  await using world = await BotWorld.open({ shards: 2 })
  const second = world.discord.addGuild({ name: 'Meadow', owner: world.birch })
  const elsewhere = second.addChannel('general')
  await world.start()
  const { discord, channel, birch: by } = world
  await discord.registered()
  for (const place of [channel, elsewhere]) {
    const asked = discord.interact({ kind: 'slash', name: 'ping', by, channel: place })
    assert.match(textOf(await asked.reply()), /Pong!/)
  }
})
