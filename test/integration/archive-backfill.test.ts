/**
 * The archive at full length, by the real bot as a process of its own: 50,000 messages that were said before, rate
 * limits, errors of Discord's, dead links and cut downloads, kill -9 twice in the middle, and people who go on
 * talking. Afterwards the export is compared with what is at the stand-in, message by message, byte by byte.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ExportedMessage } from '../../src/archive/export-html.ts'
import { BotGroup } from '../fixtures/discord-bots.ts'
import type { StandInChannel, StandInUpload } from '../fixtures/discord-stand-in/world-entities.ts'
import type { KizunaProcess } from '../fixtures/kizuna-process.ts'
import { SLOW_LOOK_MS, waitUntil } from '../fixtures/wait-until.ts'

const MESSAGES = 50_000
const ATTACHED_EVERY = 50
const DEAD_EVERY = 20
const PAGES = MESSAGES / 100
const WHOLE_MS = 300_000

interface Expected {
  text: string
  sha256?: string
  dead?: boolean
}

test('50,000 messages with 429s, errors, dead links and two kills: all messages, all reachable attachments, none twice', async () => {
  await using group = await BotGroup.open({
    judge: false,
    rateLimits: { 'GET /channels/{channel_id}/messages': { limit: 25, perMs: 500 } },
  })
  const { discord } = group
  const alder = discord.addUser('alder')
  const birch = discord.addUser('birch')
  const guild = discord.addGuild({ name: 'Grove', owner: alder, applications: [] })
  guild.addMember(birch)
  const channel = guild.addChannel('general')
  const expected = sayMuch(group, channel)

  let bot = await group.start('bot', { guilds: [guild] })
  await bot.node.call('archive', { action: 'start', channel: `discord:${channel.id}` })
  const path = /\/messages$/
  discord.fail({ method: 'GET', path, status: 503, times: 2 })
  discord.rateLimit({ method: 'GET', path, retryAfterMs: 300, scope: 'user', times: 3 })
  discord.rateLimit({ method: 'GET', path, retryAfterMs: 300, scope: 'shared', times: 2 })
  let said = 0
  for (const part of [0.3, 0.65]) {
    await waitUntil(`${part} of the pages`, WHOLE_MS, () => pagesGiven(group) > PAGES * part)
    const before = (await statusOf(bot.node)).messages
    assert.ok(before > 0 && before < MESSAGES, `killed in the middle, at ${before}`)
    await bot.node.kill()
    for (let index = 0; index < 150; index++) say(`said while the bot was dead ${said++}`)
    bot = await group.start('bot', { guilds: [guild] })
    for (let index = 0; index < 50; index++) say(`said while the bot was reading ${said++}`)
    discord.rateLimit({ method: 'GET', path, retryAfterMs: 200, scope: 'user', times: 2 })
  }
  const status = await waitUntil(
    'everything is kept',
    WHOLE_MS,
    async () => {
      const now = await statusOf(bot.node)
      const isDone = now.isComplete && now.attachments.waiting === 0 && now.messages >= expected.size
      return isDone ? now : undefined
    },
    SLOW_LOOK_MS,
  )
  assert.equal(status.messages, expected.size)
  const dead = [...expected.values()].filter((each) => each.dead === true).length
  assert.deepEqual(status.attachments, {
    kept: MESSAGES / ATTACHED_EVERY - dead,
    waiting: 0,
    failed: dead,
    reasons: { 'unreachable: its link leads nowhere': dead },
  })
  const refused = discord.calls.filter((call) => call.status === 429).length
  assert.ok(refused >= 9, `there were 429s (${refused})`)
  await checkExport(group, bot.node, expected)
  const kept = await bot.node.call('archive', { action: 'search', query: '"number 49999"' })
  assert.equal((kept.hits as unknown[]).length, 1)

  function say(content: string): void {
    const message = discord.userMessage({ channel, author: birch, content })
    expected.set(message.id, { text: content })
  }
})

/** What is there before the bot comes, by message. */
function sayMuch({ discord }: BotGroup, channel: StandInChannel): Map<string, Expected> {
  const people = Array.from({ length: 20 }, (_, index) => discord.addUser(`rowan-${index}`))
  const expected = new Map<string, Expected>()
  const start = Date.parse('2024-01-01T00:00:00Z')
  for (let index = 0; index < MESSAGES; index++) {
    const isAttached = index % ATTACHED_EVERY === 0
    const bytes = Buffer.from(`leaf ${index} `.repeat(20 + (index % 500)))
    const upload = isAttached ? [discord.upload(`leaf-${index}.bin`, bytes)] : []
    const text = `message number ${index} of a long conversation`
    const author = people[index % people.length] as (typeof people)[0]
    const at = new Date(start + index * 17_000)
    const message = discord.userMessage({
      channel,
      author,
      content: text,
      attachments: upload,
      at,
      quiet: true,
    })
    expected.set(message.id, { text, ...(isAttached ? fateOf(discord, upload[0], bytes, index) : {}) })
  }
  return expected
}

function fateOf(
  discord: BotGroup['discord'],
  upload: StandInUpload | undefined,
  bytes: Buffer,
  index: number,
): Partial<Expected> {
  if (upload === undefined) return {}
  const isDead = index % (ATTACHED_EVERY * DEAD_EVERY) === 0
  if (isDead) discord.killAttachment(upload)
  else if (index % (ATTACHED_EVERY * 101) === 0) discord.cutAttachment(upload, 50, 1)
  return { sha256: createHash('sha256').update(bytes).digest('hex'), dead: isDead }
}

function pagesGiven({ discord }: BotGroup): number {
  return discord.calls.filter(
    ({ method, route, status }) => method === 'GET' && status === 200 && /\/messages$/.test(route ?? ''),
  ).length
}

interface Status {
  messages: number
  isComplete: boolean
  attachments: { kept: number; waiting: number; failed: number }
}

async function statusOf(node: KizunaProcess): Promise<Status> {
  const { messages, attachments, channels } = await node.call('archive', { action: 'status' })
  const [channel] = channels as { isComplete: boolean }[]
  return { messages, attachments, isComplete: channel?.isComplete === true } as Status
}

async function checkExport(
  group: BotGroup,
  node: KizunaProcess,
  expected: ReadonlyMap<string, Expected>,
): Promise<void> {
  const { path } = await node.call('archive', {
    action: 'export',
    path: join(group.nodes.path('bot'), 'out'),
  })
  const root = String(path)
  const files = readdirSync(join(root, 'messages'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.json'),
  )
  const seen = new Set<string>()
  for (const file of files) {
    for (const message of JSON.parse(
      readFileSync(join(root, 'messages', file), 'utf8'),
    ) as ExportedMessage[]) {
      assert.ok(!seen.has(message.id), `${message.id} is there twice`)
      seen.add(message.id)
      const { text, sha256, dead } = expected.get(message.id) ?? { text: '(never said)' }
      assert.equal(message.text, text)
      if (sha256 === undefined) continue
      const [attachment] = message.attachments ?? []
      if (dead === true) {
        assert.equal(attachment?.unavailable, 'unreachable: its link leads nowhere')
        continue
      }
      const bytes = readFileSync(join(root, attachment?.file ?? 'missing'))
      assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256)
    }
  }
  assert.equal(seen.size, expected.size)
}
