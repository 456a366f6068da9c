import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clip, code, plainText, prose, safeText } from './safe-text.ts'

test('a stranger’s text makes no mention, no markdown and no link [A-70]', () => {
  assert.equal(safeText('@everyone <@123> **bold** [a](https://evil.example)').includes('@everyone'), false)
  assert.match(safeText('<@123456>'), /^\\</)
  assert.equal(safeText('**bold**'), '\\*\\*bold\\*\\*')
  assert.equal(safeText('# heading'), '\\# heading')
  assert.equal(safeText('[a](https://evil.example)').includes('https://'), false)
  assert.equal(code('a`b'), '`aˋb`')
  assert.equal(safeText('12. a list'), '12\\. a list')
})

test('our own sentences show commands as code, and nothing else of them is markdown', () => {
  assert.equal(
    prose('You are alone; `kizuna invite` makes a link for **you** and @everyone.'),
    'You are alone; `kizuna invite` makes a link for \\*\\*you\\*\\* and @\u200beveryone.',
  )
  assert.equal(prose('`a` and `b`'), '`a` and `b`')
  assert.equal(prose('one ` alone'), 'one \\` alone')
})

test('an ordinary file name stays as it is', () => {
  assert.equal(safeText('0.1.0'), '0.1.0')
  assert.equal(safeText('2024-report.txt'), '2024-report.txt')
  assert.equal(safeText('Holiday 2024 (1).mp4'), 'Holiday 2024 (1).mp4')
  assert.equal(safeText('絆の写真.jpg'), '絆の写真.jpg')
})

test('towers of marks, invisible signs and turned directions are trimmed [A-70]', () => {
  const zalgo = `H${'\u0301'.repeat(50)}i`
  assert.ok(plainText(zalgo).length <= 4, plainText(zalgo))
  assert.equal(plainText('photo\u202egpj.exe'), 'photogpj.exe')
  assert.equal(plainText('a\u200bb\ufeffc\u2060d'), 'abcd')
  assert.equal(plainText('two\nlines\tand more'), 'two lines and more')
  assert.equal(plainText('👨‍👩‍👧'), '👨‍👩‍👧', 'joined emoji stay joined')
})

test('whatever comes in, what goes out is well formed, one line and no longer than allowed [A-70]', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.integer({ min: 2, max: 80 }),
      (text, max) => {
        const plain = plainText(text, max)
        assert.ok(plain.length <= max)
        assert.ok(plain.isWellFormed())
        assert.doesNotMatch(safeText(text), /[\n\r]|@(?!\u200b)/)
      },
    ),
  )
})

test('cutting never leaves half a character', () => {
  assert.equal(clip('ab😀cd', 4), 'ab…')
  assert.equal(clip('abcd', 4), 'abcd')
})
