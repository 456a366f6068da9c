/** Typed commands: whatever people type, the parser gives a command or says why not, and never throws anything else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { commandList } from '../../../commands/command-list.ts'
import { shownCommands } from '../command-surface.ts'
import { MessageUnreadableError } from '../errors.ts'
import { inputOfTyped, takesValue } from './input-of-typed.ts'
import { parseTyped, textForUs } from './parse-typed.ts'

const all = shownCommands(commandList)
const named = (name: string) => all.find(({ command }) => command.name === name)

function read(text: string): { name: string; input: Record<string, unknown> } | undefined {
  const typed = parseTyped(text, (name, flag) => takesValue(named(name), flag))
  const shown = named(typed.name)
  return shown === undefined ? undefined : { name: typed.name, input: inputOfTyped(shown, typed) }
}

test('a prefix or a mention at the beginning makes a text ours; anything else does not [K-10]', () => {
  const us = { prefix: '!', bot: '42' }
  assert.equal(textForUs('!ping', us), 'ping')
  assert.equal(textForUs('<@42> ping', us), 'ping')
  assert.equal(textForUs('<@!42>, ping', us), 'ping')
  assert.equal(textForUs('<@42>', us), '')
  for (const text of ['ping', '!', '!!!', '! ping', '!1', '<@43> ping', 'hey <@42> ping', '']) {
    assert.equal(textForUs(text, us), undefined, text)
  }
  assert.equal(textForUs('絆ping', { prefix: '絆', bot: '42' }), 'ping', 'the prefix is chosen')
  assert.equal(textForUs('!ping', { prefix: '', bot: '42' }), undefined, 'off without the intent [K-11]')
})

test('words, quotes and flags become a command’s input [K-10] [A-63]', () => {
  assert.deepEqual(read('ping'), { name: 'ping', input: {} })
  assert.deepEqual(read('GET bafk123'), { name: 'get', input: { id: 'bafk123' } })
  assert.deepEqual(read('get `bafk123`'), { name: 'get', input: { id: 'bafk123' } })
  assert.deepEqual(read('share hello there world'), { name: 'share', input: { text: 'hello there world' } })
  assert.deepEqual(read('share "two words" --name "a file.txt"'), {
    name: 'share',
    input: { text: 'two words', name: 'a file.txt' },
  })
  assert.deepEqual(read('list holiday photos --mine'), {
    name: 'list',
    input: { name: 'holiday photos', mine: true },
  })
  assert.deepEqual(read('list —mine'), { name: 'list', input: { mine: true } })
  assert.deepEqual(read('share --copies=3 text'), { name: 'share', input: { copies: '3', text: 'text' } })
  assert.deepEqual(read('privacy delete --confirm'), {
    name: 'privacy',
    input: { action: 'delete', confirm: true },
  })
  assert.deepEqual(read('share -- --not a flag'), { name: 'share', input: { text: '--not a flag' } })
})

test('what cannot be understood says why [A-63]', () => {
  for (const [text, reason] of [
    ['share "never closed', /never closed/],
    ['get a b --nonsense', /no option/],
    ['privacy dance', /wants one of/],
    ['status now', /fits nowhere/],
    ['list --mine=perhaps', /on or off/],
    ['share --path /etc/passwd', /no option/],
    [`share ${'a '.repeat(300)}`, /words/],
    [`share ${'a'.repeat(4_100)}`, /longer/],
  ] as const) {
    assert.throws(
      () => read(text),
      (error: unknown) => error instanceof MessageUnreadableError && reason.test(error.message),
      text,
    )
  }
})

test('no text makes the parser throw anything but its own error [A-63]', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'share',
      'get',
      'privacy',
      'task',
      'run',
      '--',
      '--name',
      '—mine',
      '"',
      '“',
      '=',
      '`',
      '!',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), fc.constantFrom(' ', '\n', ''), (words, space) => {
      const text = words.join(space)
      textForUs(text, { prefix: '!', bot: '42' })
      try {
        read(text)
      } catch (error) {
        assert.ok(error instanceof MessageUnreadableError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})
