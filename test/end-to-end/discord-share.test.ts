/**
 * Two servers, five bots with a node each, one space: what is shared through one bot is got through another after the
 * first one's node was killed. Real processes, the stand-in of Discord between them.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Bot, BotGroup } from '../fixtures/discord-bots.ts'
import { isProgress } from '../fixtures/discord-recipes.ts'
import {
  bytesOf,
  controlsOf,
  isEphemeral,
  mentionsMade,
  textOf,
} from '../fixtures/discord-stand-in/read-message.ts'
import type { StandInGuild } from '../fixtures/discord-stand-in/stand-in-guild.ts'
import type { StandInChannel } from '../fixtures/discord-stand-in/world-entities.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const NAMES = ['alder', 'birch', 'cedar', 'dogwood', 'elder'] as const
const COPIES_MS = 60_000
const ANSWER_MS = 60_000
const PONG_MS_MAX = 3_000

interface Place {
  guild: StandInGuild
  channel: StandInChannel
}

let group: BotGroup
let grove: Place
let heath: Place
const bots: Bot[] = []

before(async () => {
  group = await BotGroup.open()
  const owner = group.discord.addUser('the-owner')
  const place = (name: string): Place => {
    const guild = group.discord.addGuild({ name, owner, applications: [] })
    return { guild, channel: guild.addChannel('general') }
  }
  grove = place('Grove')
  heath = place('Heath')
  for (const [at, name] of NAMES.entries()) {
    const { guild } = at < 3 ? grove : heath
    const first = bots[0]?.node
    bots.push(await group.start(name, { guilds: [guild], ...(first === undefined ? {} : { of: first }) }))
  }
  await group.nodes.together(...bots.map(({ node }) => node))
})

after(async () => {
  await group[Symbol.asyncDispose]()
})

function bot(at: number): Bot {
  return bots[at] ?? assert.fail()
}

function ask(at: number, { guild, channel }: Place, name: string, options = {}) {
  const by = group.person(guild)
  return group.discord.interact({
    kind: 'slash',
    name,
    options,
    by,
    channel,
    application: bot(at).application,
  })
}

test('five bots log in, register the same commands and say how they are invited [K-04] [K-63]', () => {
  const [first, ...others] = bots.map(({ application }) =>
    group.discord.commandsOf(application).map(({ name }) => name),
  )
  for (const names of others) assert.deepEqual(names, first)
  for (const { node, application } of bots) {
    const { discord } = node.ready as unknown as { discord: { inviteLink: string } }
    const link = new URL(discord.inviteLink)
    assert.equal(link.searchParams.get('client_id'), application.id)
    assert.equal(BigInt(link.searchParams.get('permissions') ?? '8') & 8n, 0n, 'no administrator')
  }
})

test('/ping answers within three seconds, for everybody [K-13]', async () => {
  for (const [at, place] of [
    [0, grove],
    [4, heath],
  ] as const) {
    const asked = ask(at, place, 'ping')
    const { afterMs } = await asked.acknowledged()
    assert.match(textOf(await asked.reply()), /Pong!.* \d+ ms/)
    assert.ok(afterMs < PONG_MS_MAX, `${afterMs} ms`)
  }
})

test('/status and /peers say what HTTP says [K-14] [K-54]', async () => {
  const status = await bot(0).node.call('status')
  const text = textOf(await ask(0, grove, 'status').reply())
  assert.ok(text.includes(String(status.peerId)))
  for (const word of ['Members', 'Connected peers', 'Stored', 'Repair queue', 'Up for']) {
    assert.ok(text.includes(word), word)
  }
  const peers = textOf(await ask(0, grove, 'peers').reply())
  for (const { node } of bots.slice(1)) assert.ok(peers.includes(node.peerId.slice(-6)), peers)
})

test('/sync tells what was exchanged [K-55]', async () => {
  const synced = ask(1, grove, 'sync')
  const text = textOf(await synced.until((message) => /Exchanged/.test(textOf(message)), ANSWER_MS))
  assert.match(text, /Exchanged with \d+ peers? in /)
  assert.match(text, /Keys.* sent/)
})

test('/share on one bot, its node killed, /get on another gives the same bytes [K-52] [K-53]', async () => {
  const bytes = randomBytes(3 * 1024 * 1024)
  const file = group.discord.upload('herbarium.bin', bytes)
  const shared = ask(0, grove, 'share', { file })
  const answer = await shared.until((message) => /Shared/.test(textOf(message)), ANSWER_MS)
  const text = textOf(answer)
  const key = /baf[a-z2-7]{50,}/.exec(text)?.[0] ?? assert.fail(text)
  assert.match(text, /Size.*3/)
  assert.match(text, /Copies/)
  assert.deepEqual(mentionsMade(answer), { everyone: false, users: [], roles: [] })

  await waitUntil('copies are elsewhere', COPIES_MS, async () => {
    const { confirmed, target, margin } = await bot(0).node.call('describe', { id: key })
    return Number(confirmed) >= Number(target) && Number(margin) >= 1
  })
  await bot(0).node.kill()

  const got = await ask(4, heath, 'get', { id: key }).until(
    ({ attachments }) => attachments.length > 0,
    ANSWER_MS,
  )
  const [attachment] = got.attachments
  assert.equal(attachment?.filename, 'herbarium.bin')
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
  assert.equal(digest(await bytesOf(attachment ?? assert.fail())), digest(bytes))

  const wrong = ask(3, heath, 'get', { id: `${key.slice(0, -4)}aaaa` })
  assert.equal(isEphemeral(await wrong.outcome(undefined, ANSWER_MS)), true)
})

test('what is too large for Discord is told with a link instead of a file [K-53]', async () => {
  const size = grove.guild.bytesMax + 1
  const file = group.discord.upload('forest.bin', randomBytes(size))
  const asked = ask(1, grove, 'share', { file })
  const shared = await asked.until((message) => controlsOf(message).length > 0, ANSWER_MS)
  const key = /baf[a-z2-7]{50,}/.exec(textOf(shared))?.[0] ?? assert.fail(textOf(shared))
  const got = await ask(2, grove, 'get', { id: key }).until(
    (message) => !isProgress(textOf(message)),
    ANSWER_MS,
  )
  assert.equal(got.attachments.length, 0)
  assert.match(textOf(got), /kizuna get|https?:\/\//)
  assert.ok(textOf(got).includes(key))
})

test('a button of an answer goes on working after the bot was started again', async () => {
  const asked = ask(1, grove, 'share', { text: 'moss and lichen' })
  const shared = await asked.until((message) => controlsOf(message).length > 0, ANSWER_MS)
  const get = controlsOf(shared).find(({ label }) => label === 'Get it')
  assert.ok(get !== undefined)
  await bot(1).node.stop()
  bots[1] = await group.start('birch', { guilds: [grove.guild], of: bot(2).node })
  const by = group.person(grove.guild)
  const pressed = group.discord.interact({ kind: 'button', on: shared, press: get.customId, by })
  const got = await pressed.until(
    ({ attachments, content }) => attachments.length > 0 || content !== '',
    ANSWER_MS,
  )
  const [file] = got.attachments
  const text = file === undefined ? textOf(got) : Buffer.from(await bytesOf(file)).toString()
  assert.match(text, /moss and lichen/)
})

test('nothing was refused, unanswered or against the rules, and no token was logged', () => {
  group.discord.assertClean()
  group.assertNoTokenInLogs()
})
