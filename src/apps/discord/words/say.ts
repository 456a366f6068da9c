import { english, type WordKey, type Words } from './english.ts'
import { french } from './french.ts'
import { japanese } from './japanese.ts'
import { russian } from './russian.ts'

const LANGUAGES: Readonly<Record<string, Words>> = { en: english, fr: french, ja: japanese, ru: russian }

/** Says something in one language. */
export interface Say {
  (key: WordKey, facts?: Readonly<Record<string, string | number>>): string
  readonly language: string
}

/** The languages the bot speaks, for choices. */
export const LANGUAGE_NAMES: Readonly<Record<string, string>> = {
  en: 'English',
  fr: 'Français',
  ja: '日本語',
  ru: 'Русский',
}

/** A speaker of the language of a locale such as `fr` or `en-GB`; English when we do not speak it. */
export function sayIn(locale: string | undefined): Say {
  const language = (locale ?? 'en').split('-')[0]?.toLowerCase() ?? 'en'
  const known = Object.hasOwn(LANGUAGES, language) ? language : 'en'
  const words = LANGUAGES[known] ?? english
  const say = (key: WordKey, facts: Readonly<Record<string, string | number>> = {}): string =>
    words[key].replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
      Object.hasOwn(facts, name) ? String(facts[name]) : whole,
    )
  return Object.assign(say, { language: known })
}

/** Whether there are words for this key, such as `code.` and an error's code. */
export function isWordKey(key: string): key is WordKey {
  return Object.hasOwn(english, key)
}
