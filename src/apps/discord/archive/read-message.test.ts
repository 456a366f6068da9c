import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { APIMessage } from 'discord.js'
import { boundMessage } from '../../../archive/archived-message.ts'
import { readMessage } from './read-message.ts'

const USER = { id: '7', username: 'alder', global_name: 'Alder', discriminator: '0', avatar: null }

function raw(facts: object = {}): APIMessage {
  return {
    id: '1',
    channel_id: '100',
    author: USER,
    content: 'hello',
    timestamp: '2026-03-01T10:00:00.000Z',
    edited_timestamp: null,
    attachments: [],
    embeds: [],
    mentions: [],
    type: 0,
    ...facts,
  } as unknown as APIMessage
}

const nameOf = (id: string) => ({ '100': 'general', '55': 'gardeners' })[id]

test('mentions and emojis become names, unknown ones stay', () => {
  const content = '<@8> <@!8> <@9> <@&55> <#100> <#101> <:leaf:123> <a:wind:124> <t:1> @everyone'
  const text = readMessage(
    raw({ content, mentions: [{ ...USER, id: '8', global_name: 'Birch' }] }),
    nameOf,
  )?.text
  assert.equal(text, '@Birch @Birch <@9> @gardeners #general <#101> :leaf: :wind: <t:1> @everyone')
})

test('cards, forwarded messages, stickers and polls have words too', () => {
  const message = readMessage(
    raw({
      content: '',
      embeds: [
        {
          title: 'News',
          description: 'of oaks',
          url: 'https://example.org',
          fields: [{ name: 'Age', value: '400' }],
        },
      ],
      sticker_items: [{ id: '1', name: 'acorn', format_type: 1 }],
      poll: { question: { text: 'Which tree?' }, answers: [{ answer_id: 1, poll_media: { text: 'oak' } }] },
      message_reference: { type: 1, channel_id: '5', message_id: '6' },
      message_snapshots: [
        {
          message: {
            content: 'from elsewhere',
            embeds: [],
            attachments: [{ id: '9', filename: 'a.png', size: 3, url: 'x' }],
          },
        },
      ],
    }),
    nameOf,
  )
  assert.equal(message?.text, '[forwarded] from elsewhere\n[sticker: acorn]\n[poll] Which tree?\n- oak')
  assert.deepEqual(message?.previews, [
    { title: 'News', text: 'of oaks\nAge: 400', url: 'https://example.org' },
  ])
  assert.deepEqual(message?.attachments, [
    { id: '9', name: 'a.png', type: 'application/octet-stream', sizeBytes: 3 },
  ])
  assert.equal(message?.replyTo, undefined, 'what is forwarded is no answer')
})

test('an answer names the message it answers, an edit when it was made', () => {
  const message = readMessage(
    raw({
      message_reference: { channel_id: '100', message_id: '6' },
      edited_timestamp: '2026-03-01T10:05:00.000Z',
      member: { nick: 'the gardener' },
    }),
    nameOf,
  )
  assert.equal(message?.replyTo, '6')
  assert.equal(message?.editedAt, Date.parse('2026-03-01T10:05:00Z'))
  assert.equal(message?.author.name, 'the gardener')
})

test('what is no whole message is left out, and hostile ones are cut to size', () => {
  // The gateway tells of a link's preview with no more than this.
  assert.equal(readMessage({ id: '1', channel_id: '100', embeds: [] } as never, nameOf), undefined)
  for (const broken of [{ timestamp: 'never' }, { author: undefined }, { content: null }, { id: 5 }])
    assert.equal(readMessage(raw(broken), nameOf), undefined)
  const huge = readMessage(
    raw({
      content: `\uD800\0${'x'.repeat(100_000)}`,
      attachments: Array.from({ length: 500 }, (_, id) => ({
        id: String(id),
        filename: 'y'.repeat(5_000),
        size: -1 + id,
        url: '',
      })),
      embeds: Array.from({ length: 100 }, () => ({ description: 'z'.repeat(100_000) })),
    }),
    nameOf,
  )
  const bounded = boundMessage(huge as never)
  assert.ok(bounded !== undefined && JSON.stringify(bounded).length < 120_000)
  assert.equal(bounded.attachments.length, 20)
  assert.ok(bounded.text.isWellFormed() && !bounded.text.includes('\0'))
})
