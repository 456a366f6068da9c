/**
 * What people and Discord do wrong: hostile names, texts that are too long, files that are empty, too large, gone or
 * cut, rights that are taken away in mid-command, connections that break. Each is answered, for the asker alone where
 * Discord allows that, notifies nobody, and leaves no token in a log.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { type Bot, BotGroup } from '../fixtures/discord-bots.ts'
import { isProgress, isRefusal } from '../fixtures/discord-recipes.ts'
import type { OptionValue } from '../fixtures/discord-stand-in/command-options.ts'
import { isEphemeral, mentionsMade, textOf } from '../fixtures/discord-stand-in/read-message.ts'
import type { StandInGuild } from '../fixtures/discord-stand-in/stand-in-guild.ts'
import type { StandInChannel, WireMessage } from '../fixtures/discord-stand-in/world-entities.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const ANSWER_MS = 60_000
const MIB = 1024 * 1024
const STACK = /\n\s+at .+:\d+:\d+/

const ZALGO = `Z${'\u0335\u0321\u034d'.repeat(200)}algo`
const HOSTILE_NAMES = [
  '../../etc/passwd',
  '@everyone @here <@1> <@&1>',
  '\u202egnp.exe',
  ZALGO,
  '**bold** `code` [link](https://example.org) ||spoiler||',
  'CON',
  ' ',
  `${'a'.repeat(300)}.txt`,
  'null\u0000byte.txt',
]

let group: BotGroup
let bot: Bot
let guild: StandInGuild
let channel: StandInChannel

before(async () => {
  group = await BotGroup.open()
  const owner = group.discord.addUser('the-owner')
  guild = group.discord.addGuild({ name: 'Grove', owner, applications: [] })
  channel = guild.addChannel('general')
  bot = await group.start('alder', { guilds: [guild] })
  // Its mentions would be heard, were there any.
  const { application } = bot
  guild.setPermissions(guild.botRole(application), [
    'ViewChannel',
    'SendMessages',
    'AttachFiles',
    'EmbedLinks',
    'ReadMessageHistory',
    'MentionEveryone',
  ])
})

afterEach(() => {
  for (const message of group.discord.messagesIn(channel)) {
    if (message.author.id !== bot.application.id) continue
    const { everyone, users, roles } = mentionsMade(message)
    assert.deepEqual([everyone, users, roles], [false, [], []], textOf(message))
    assert.doesNotMatch(textOf(message), STACK)
  }
})

after(async () => {
  await group[Symbol.asyncDispose]()
})

function ask(name: string, options: Record<string, OptionValue> = {}, locale = 'en-US') {
  const by = group.person(guild, { locale })
  const { application } = bot
  return group.discord.interact({ kind: 'slash', name, options, by, channel, application, unchecked: true })
}

const isDone = (message: WireMessage) => !isProgress(textOf(message))

/** The answer to what cannot be done: for the asker alone, a sentence without what is inside. */
async function refusal(asked: ReturnType<typeof ask>): Promise<string> {
  const answer = await asked.outcome(isDone, ANSWER_MS)
  const text = textOf(answer)
  assert.equal(isEphemeral(answer), true, text)
  assert.ok(text.length > 0)
  assert.doesNotMatch(text, STACK)
  assert.ok(text.length < 1_000, text)
  assert.deepEqual(mentionsMade(answer), { everyone: false, users: [], roles: [] })
  return text
}

test('hostile names are stored and shown as what they are: names', async () => {
  for (const name of HOSTILE_NAMES) {
    const file = group.discord.upload(name, `content of ${name}`)
    const answer = await ask('share', { file }).outcome(isDone, ANSWER_MS)
    const text = textOf(answer)
    assert.deepEqual(mentionsMade(answer), { everyone: false, users: [], roles: [] }, name)
    assert.doesNotMatch(text, STACK)
    assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069]/, 'nothing turns the text around')
    const marks = text.match(/\p{Mark}/gu)?.length ?? 0
    assert.ok(marks < 50, `${marks} marks`)
    if (isRefusal(text)) assert.equal(isEphemeral(answer), true, text)
  }
})

test('4,001 characters, in an option and typed, are taken or refused with a sentence', async () => {
  const text = '長'.repeat(4_001)
  const shared = await ask('share', { text }).outcome(isDone, ANSWER_MS)
  assert.ok(isEphemeral(shared) || /baf/.test(textOf(shared)))
  await refusal(ask('get', { id: text }))
  await refusal(ask('describe', { id: '@everyone'.repeat(445) }))
  const typed = await group.type(bot, group.person(guild), channel, `!get ${text}`)
  assert.ok(textOf(typed).length < 1_000)
})

/** What cannot be done, each asked anew. */
const IMPOSSIBLE: Readonly<Record<string, (locale: string) => ReturnType<typeof ask>>> = {
  'an id that is none': (locale) => ask('get', { id: 'nonsense' }, locale),
  '4,001 characters': (locale) => ask('get', { id: 'x'.repeat(4_001) }, locale),
  'a name of marks': (locale) => ask('get', { id: ZALGO }, locale),
  'no bytes': (locale) => ask('share', { file: group.discord.upload('empty.txt', '') }, locale),
  'more than 500 MiB': (locale) =>
    ask('share', { file: group.discord.upload('large.bin', { sizeBytes: 500 * MIB + 1 }) }, locale),
  'a dead file': (locale) => {
    const file = group.discord.upload('dead.txt', 'gone')
    group.discord.killAttachment(file)
    return ask('share', { file }, locale)
  },
  'an expired link': (locale) => {
    const file = group.discord.upload('old.txt', 'too late')
    const asked = ask('share', { file }, locale)
    group.discord.cdn.expire(file)
    return asked
  },
  'a connection that breaks in mid-upload': (locale) => {
    const file = group.discord.upload('cut.bin', { sizeBytes: 2 * MIB })
    group.discord.cutAttachment(file, MIB, 100)
    return ask('share', { file }, locale)
  },
  'what only others may': (locale) => ask('forget', { id: 'nonsense' }, locale),
}

for (const [what, asking] of Object.entries(IMPOSSIBLE)) {
  test(`${what}: a short sentence and a hint, in the language of who asked`, async () => {
    const texts = await Promise.all(['en-US', 'fr', 'ja', 'ru'].map((locale) => refusal(asking(locale))))
    const lines = texts.map((text) => text.split('\n').filter((line) => !line.startsWith('-# ')))
    for (const each of lines) assert.ok(each.length >= 2, each.join(' / '))
    for (const [part, at] of Object.entries({ sentence: 0, hint: -1 })) {
      const said = lines.map((each) => each.at(at) ?? '')
      assert.equal(new Set(said).size, said.length, `${part}: ${said.join(' / ')}`)
      assert.ok(
        said.every((line) => line.length < 300),
        said.join(' / '),
      )
    }
    assert.match(texts[2] ?? '', /\p{Script=Hiragana}/u)
    assert.match(texts[3] ?? '', /\p{Script=Cyrillic}/u)
  })
}

test('a file that is too large is not fetched to find that out', async () => {
  const large = group.discord.upload('large.bin', { sizeBytes: 500 * MIB + 1 })
  await refusal(ask('share', { file: large }))
  const fetched = group.discord.cdn.fetches.filter(({ path }) => path.includes(large.id))
  assert.ok(
    fetched.every(({ bytesSent }) => bytesSent < MIB),
    'it is not fetched to find that out',
  )
})

test('500 MiB are taken whole or refused, and the bot goes on answering meanwhile', async () => {
  const asked = ask('share', { file: group.discord.upload('half-a-gigabyte.bin', { sizeBytes: 500 * MIB }) })
  await asked.acknowledged()
  assert.match(textOf(await ask('ping').reply(ANSWER_MS)), /Pong/)
  const answer = await asked.outcome((message) => isDone(message) && textOf(message) !== '', 5 * ANSWER_MS)
  assert.ok(isEphemeral(answer) || /baf/.test(textOf(answer)), textOf(answer))
})

test('a message whose file is dead is answered, too', async () => {
  const { discord } = group
  const dead = discord.upload('dead.txt', 'gone')
  discord.killAttachment(dead)
  const message = discord.userMessage({ channel, author: group.person(guild), attachments: [dead] })
  const stored = discord.interact({
    kind: 'message',
    name: 'Store this message',
    target: message,
    by: group.person(guild),
    channel,
    application: bot.application,
  })
  await stored.outcome(isDone, ANSWER_MS)
})

test('permissions taken in mid-command leave no interaction unanswered and no storm of refused calls', async () => {
  const { discord } = group
  const { application } = bot
  const invalidBefore = discord.invalidRequests
  const place = guild.addChannel('closing')
  const file = discord.upload('last.bin', { sizeBytes: MIB })
  const release = discord.holdAttachment(file)
  const asked = discord.interact({
    kind: 'slash',
    name: 'share',
    options: { file },
    by: group.person(guild),
    channel: place,
    application,
  })
  await asked.acknowledged()
  assert.equal(asked.isThinking, true, 'it is in the middle')
  discord.userMessage({ channel: place, author: group.person(guild), content: '!ping' })
  guild.setOverwrite(place, guild.botRole(application), { deny: ['SendMessages', 'ViewChannel'] })
  release()
  await asked.outcome(isDone, ANSWER_MS)
  assert.match(textOf(await ask('ping').reply(ANSWER_MS)), /Pong/)
  assert.ok(discord.invalidRequests - invalidBefore <= 3)
})

test('a connection that breaks in mid-command changes nothing for who asked', async () => {
  const { discord } = group
  const file = discord.upload('steady.bin', { sizeBytes: 4 * MIB })
  const release = discord.holdAttachment(file)
  const asked = ask('share', { file })
  await asked.acknowledged()
  discord.gateway.drop(bot.application, 1006)
  release()
  await asked.outcome((message) => isDone(message) && /baf/.test(textOf(message)), ANSWER_MS)
  await discord.connected(bot.application)
  discord.gateway.reconnect(bot.application)
  assert.match(textOf(await ask('ping').reply(ANSWER_MS)), /Pong/)
})

test('5xx and cut connections of Discord are outlasted, a 429 is obeyed', async () => {
  const { discord } = group
  discord.fail({ method: 'POST', path: /\/callback$/, status: 503 })
  await ask('ping').reply(ANSWER_MS)
  discord.fail({ method: 'POST', path: /\/callback$/, disconnect: true })
  await ask('status').reply(ANSWER_MS)
  const file = discord.upload('weather.bin', { sizeBytes: MIB })
  const release = discord.holdAttachment(file)
  const shared = ask('share', { file })
  await shared.acknowledged()
  const path = new RegExp(`${shared.facts.token}/messages/@original$`)
  const faults = [
    discord.fail({ method: 'PATCH', path, status: 502, times: 2 }),
    discord.rateLimit({ method: 'PATCH', path, retryAfterMs: 300 }),
  ]
  release()
  await shared.outcome((message) => /baf/.test(textOf(message)), ANSWER_MS)
  assert.deepEqual(
    faults.map(({ played }) => played),
    [2, 1],
  )
})

test('a stop in mid-command leaves nobody without an answer', async () => {
  const { discord } = group
  const asked = [0, 1, 2].map((at) => {
    const file = discord.upload(`slow-${at}.bin`, { sizeBytes: MIB })
    discord.holdAttachment(file)
    return ask('share', { file })
  })
  await Promise.all(asked.map((each) => each.acknowledged()))
  assert.ok(
    asked.every(({ isThinking }) => isThinking),
    'all are in the middle',
  )
  await bot.node.stop()
  for (const each of asked) assert.equal(each.isSilent, false, JSON.stringify(each.history.at(-1)?.content))
})

test('nothing stayed unanswered, nothing broke a rule, and no token was logged', async () => {
  await waitUntil('all is answered', ANSWER_MS, () => group.discord.unanswered().length === 0)
  group.discord.assertClean()
  group.assertNoTokenInLogs()
})
