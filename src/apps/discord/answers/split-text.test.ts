import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { renderMessage } from './render-message.ts'
import { CONTENT_LENGTH_MAX, splitText } from './split-text.ts'

test('2,001 characters become two messages, at a line where there is one [A-70]', () => {
  assert.equal(splitText('a'.repeat(2_000)).length, 1)
  assert.equal(splitText('a'.repeat(2_001)).length, 2)
  const lines = `${'b'.repeat(1_500)}\n${'c'.repeat(1_000)}`
  assert.deepEqual(
    splitText(lines).map((piece) => piece[0]),
    ['b', 'c'],
  )
})

test('a fence that is cut is closed and opened again', () => {
  const [first = '', second = ''] = splitText(`\`\`\`json\n${'x'.repeat(2_500)}\n\`\`\``)
  assert.ok(first.endsWith('\n```'))
  assert.ok(second.startsWith('```json\n'))
})

test('every piece fits, is well formed, and nothing is lost [A-70]', () => {
  const text = fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 40 })
  fc.assert(
    fc.property(text, (words) => {
      const whole = words.join(' ').replaceAll('`', '')
      const pieces = splitText(whole, 200)
      for (const piece of pieces) assert.ok(piece.length <= 200 && piece.isWellFormed())
      const letters = (each: string) => each.replaceAll(/\s/g, '')
      assert.equal(letters(pieces.join('')), letters(whole))
    }),
  )
})

test('every look keeps Discord’s lengths and never notifies anybody [A-70]', () => {
  const view = {
    kind: 'card',
    tone: 'plain',
    title: 't'.repeat(300),
    text: 'x'.repeat(9_000),
    facts: Array.from({ length: 40 }, () => ({ label: 'l'.repeat(300), value: 'v'.repeat(2_000) })),
    lines: ['@everyone'],
  } as const
  for (const look of ['cards', 'embeds', 'plain'] as const) {
    for (const body of renderMessage(view, look)) {
      assert.deepEqual(body.allowed_mentions, { parse: [] }, look)
      assert.ok((body.content ?? '').length <= CONTENT_LENGTH_MAX, look)
      const texts = JSON.stringify(body.components ?? []).match(/x+/)?.[0] ?? ''
      assert.ok(texts.length <= 4_000, look)
      const [embed] = body.embeds ?? []
      if (embed !== undefined) {
        assert.ok((embed.title ?? '').length <= 256 && (embed.description ?? '').length <= 4_096)
        assert.ok((embed.fields ?? []).length <= 25)
        const total = [
          embed.title,
          embed.description,
          ...(embed.fields ?? []).flatMap(({ name, value }) => [name, value]),
        ]
        assert.ok(total.join('').length <= 6_000, 'an embed holds 6,000 characters in all')
      }
    }
  }
})
