/** What is registered at Discord, against Discord's own limits. The stand-in checks it against the OpenAPI document, too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { APIApplicationCommandOption } from 'discord.js'
import { commandList } from '../../../commands/command-list.ts'
import { optionFields, shownCommands } from '../command-surface.ts'
import { CHOICES_ALIKE } from '../words/option-translations.ts'
import { buildRegistration } from './build-registration.ts'
import { optionName } from './option-of-field.ts'
import { readOptions } from './read-options.ts'

const NAME = /^[-_'\p{L}\p{N}]{1,32}$/u
const LOCALES = ['fr', 'ja', 'ru']
const registration = buildRegistration(commandList)

interface Described {
  name: string
  description?: string
  name_localizations?: Record<string, string> | null
  description_localizations?: Record<string, string> | null
  options?: APIApplicationCommandOption[]
  choices?: { name: string; value: unknown; name_localizations?: Record<string, string> | null }[]
  required?: boolean
}

function check(each: Described, isMenu: boolean): void {
  if (!isMenu) {
    assert.match(each.name, NAME)
    assert.equal(each.name, each.name.toLowerCase())
    assert.ok((each.description ?? '').length >= 1 && (each.description ?? '').length <= 100, each.name)
    for (const [locale, name] of Object.entries(each.name_localizations ?? {})) {
      assert.ok(LOCALES.includes(locale))
      assert.match(name, NAME)
      assert.equal(name, name.toLowerCase())
    }
  }
  for (const text of Object.values(each.description_localizations ?? {}))
    assert.ok(text.length >= 1 && text.length <= 100, text)
  const options = (each.options ?? []) as Described[]
  assert.ok(options.length <= 25)
  assert.equal(new Set(options.map(({ name }) => name)).size, options.length)
  for (const locale of LOCALES) {
    const names = options.map((option) => option.name_localizations?.[locale] ?? option.name)
    assert.equal(new Set(names).size, names.length, `${each.name} has two options of one name in ${locale}`)
  }
  const firstFree = options.findIndex(({ required }) => required !== true)
  assert.ok(firstFree < 0 || options.slice(firstFree).every(({ required }) => required !== true), each.name)
  assert.ok((each.choices ?? []).length <= 25)
  for (const option of options) check(option, false)
}

test('names, descriptions, options and their order are as Discord takes them', () => {
  assert.ok(registration.length <= 100)
  for (const each of registration) check(each as Described, each.type === 3)
  const total = JSON.stringify(registration).length
  assert.ok(total < 100_000, String(total))
  for (const locale of ['en', ...LOCALES]) {
    const names = registration.map((each) => each.name_localizations?.[locale as 'fr'] ?? each.name)
    assert.equal(new Set(names).size, names.length, locale)
  }
})

test('every command of the surface is registered, one module each, and translated [A-19] [K-12]', () => {
  const wanted =
    'ping status help share get list describe peers sync keep forget invite doctor task history privacy setup feedback archive'
  const names = registration.map(({ name }) => name)
  for (const name of wanted.split(' ')) assert.ok(names.includes(name), name)
  for (const each of registration) {
    for (const locale of LOCALES)
      assert.ok(each.name_localizations?.[locale as 'fr'], `${each.name} in ${locale}`)
  }
})

test('actions, options and choices have names and sentences in every language [A-19]', () => {
  const missing: string[] = []
  const look = (each: Described, path: string) => {
    for (const locale of LOCALES) {
      if (each.name_localizations?.[locale] === undefined) missing.push(`${path}: name in ${locale}`)
      if (each.description_localizations?.[locale] === undefined)
        missing.push(`${path}: description in ${locale}`)
    }
    for (const { name, name_localizations: names } of each.choices ?? []) {
      if (CHOICES_ALIKE.includes(name)) continue
      for (const locale of LOCALES)
        if (names?.[locale] === undefined) missing.push(`${path} = ${name}: name in ${locale}`)
    }
    for (const option of (each.options ?? []) as Described[]) look(option, `${path} ${option.name}`)
  }
  for (const each of registration) if (each.type !== 3) look(each as Described, each.name)
  assert.deepEqual(missing, [])
})

test('no command is longer than Discord takes, in its longest language', () => {
  const longest = (text: string | undefined, others: Record<string, string> | null | undefined) =>
    Math.max(...[text ?? '', ...Object.values(others ?? {})].map(({ length }) => length))
  const lengthOf = (each: Described): number =>
    longest(each.name, each.name_localizations) +
    longest(each.description, each.description_localizations) +
    (each.choices ?? []).reduce(
      (sum, { name, name_localizations: names, value }) => sum + longest(name, names) + String(value).length,
      0,
    ) +
    ((each.options ?? []) as Described[]).reduce((sum, option) => sum + lengthOf(option), 0)
  for (const each of registration) assert.ok(lengthOf(each as Described) <= 8_000, each.name)
})

test('nothing that only the owner may give is offered, and stewards’ commands hide from others', () => {
  const share = registration.find(({ name }) => name === 'share') as Described
  assert.ok(!share.options?.some(({ name }) => name === 'path'))
  for (const name of ['forget', 'invite', 'setup'])
    assert.equal(registration.find((each) => each.name === name)?.default_member_permissions, '32', name)
  assert.equal(registration.find(({ name }) => name === 'get')?.default_member_permissions, null)
})

test('get, share and list can be taken along by a person', () => {
  const personal = registration.filter((each) => each.integration_types?.includes(1)).map(({ name }) => name)
  assert.deepEqual(personal.sort(), ['get', 'list', 'share'])
})

test('every option comes back as the field it was made from', () => {
  for (const shown of shownCommands(commandList)) {
    for (const action of shown.actions.length === 0 ? [undefined] : shown.actions) {
      const fields = optionFields(shown, action)
      const options = fields.map((field) => ({ name: optionName(field), type: 3 as const, value: field }))
      const data = action === undefined ? options : [{ name: optionName(action), type: 1 as const, options }]
      const { input } = readOptions({ options: data }, shown)
      const expected = Object.fromEntries(fields.map((field) => [field, field]))
      const chosen = action ?? shown.onlyAction
      assert.deepEqual(input, chosen === undefined ? expected : { action: chosen, ...expected })
    }
  }
})
