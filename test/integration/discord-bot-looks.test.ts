/** The older looks: the same answers as embeds and as text, within Discord's rules. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from '../fixtures/discord-stand-in/read-message.ts'
import { BotWorld } from './discord-bot-world.ts'

const ID = /bafk[a-z2-7]{20,}/
const COMPONENTS_V2 = 1 << 15

for (const discordLook of ['embeds', 'plain'] as const) {
  test(`every command answers as ${discordLook}, too`, async () => {
    await using world = await BotWorld.open()
    await world.start({ discordLook })
    const { discord, channel, alder: by } = world
    await discord.registered()
    const file = discord.upload('leaf.txt', 'a leaf')
    const shared = discord.interact({ kind: 'slash', name: 'share', options: { file }, by, channel })
    const card = await shared.until((message) => ID.test(textOf(message)))
    assert.equal((card.flags ?? 0) & COMPONENTS_V2, 0)
    assert.equal(card.embeds.length, discordLook === 'embeds' ? 1 : 0)
    const id = ID.exec(textOf(card))?.[0] ?? ''
    const pressed = discord.interact({ kind: 'button', on: card, press: 'Get it', by })
    assert.equal((await pressed.until((message) => message.attachments.length > 0)).attachments.length, 1)
    for (const [name, options] of [
      ['describe', { id }],
      ['list', {}],
      ['status', {}],
      ['doctor', {}],
      ['help', {}],
      ['setup', {}],
      ['privacy export', {}],
      ['task list', {}],
      ['archive status', {}],
    ] as const) {
      const asked = discord.interact({ kind: 'slash', name, options, by, channel })
      assert.notEqual(textOf(await asked.reply()), '', name)
    }
    discord.assertClean()
  })
}
