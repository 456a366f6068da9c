import { COMMAND_TRANSLATIONS, MENU_TRANSLATIONS, type Translated } from './command-translations.ts'
import { CHOICE_TRANSLATIONS, OPTION_TRANSLATIONS } from './option-translations.ts'

interface Localized {
  name_localizations?: Record<string, string>
  description_localizations?: Record<string, string>
}

/** The names of a command, or of one of its actions (`task run`), in other languages, for registration. */
export function commandWords(command: string): Pick<Localized, 'name_localizations'> {
  return namesOf(COMMAND_TRANSLATIONS[command])
}

/** Its summary, or that of one of its actions (`task run`), in other languages. */
export function summaryWords(command: string): Pick<Localized, 'description_localizations'> {
  return descriptionsOf(COMMAND_TRANSLATIONS[command])
}

/** The name and description of an option of a command, or of one of its actions (`task run`). */
export function optionWords(command: string, option: string): Localized & { description?: string } {
  const [name = ''] = command.split(' ')
  const words =
    OPTION_TRANSLATIONS[`${command}.${option}`] ??
    OPTION_TRANSLATIONS[`${name}.${option}`] ??
    OPTION_TRANSLATIONS[option]
  const english = words?.en === undefined ? {} : { description: words.en }
  return { ...english, ...namesOf(words), ...descriptionsOf(words) }
}

/** The name of a choice of an option. */
export function choiceWords(option: string, value: string): Pick<Localized, 'name_localizations'> {
  const words = CHOICE_TRANSLATIONS[`${option}.${value}`]
  return words === undefined ? {} : { name_localizations: { ...words } }
}

/** The name of an entry in a message's menu. */
export function menuWords(name: string): Pick<Localized, 'name_localizations'> {
  const words = MENU_TRANSLATIONS[name]
  return words === undefined ? {} : { name_localizations: { ...words } }
}

/** A command's summary in a language we speak; undefined for English. */
export function summaryIn(language: string, command: string): string | undefined {
  const words = COMMAND_TRANSLATIONS[command]
  return language === 'fr' || language === 'ja' || language === 'ru' ? words?.[language][1] : undefined
}

function namesOf(words: Translated | undefined): Pick<Localized, 'name_localizations'> {
  return words === undefined
    ? {}
    : { name_localizations: { fr: words.fr[0], ja: words.ja[0], ru: words.ru[0] } }
}

function descriptionsOf(words: Translated | undefined): Pick<Localized, 'description_localizations'> {
  return words === undefined
    ? {}
    : { description_localizations: { fr: words.fr[1], ja: words.ja[1], ru: words.ru[1] } }
}
