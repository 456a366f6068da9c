import { MessageUnreadableError } from '../errors.ts'

/** More words or longer texts are no command. */
const LENGTH_MAX = 4_000
const WORDS_MAX = 256

/** A typed command, before anybody knows which. */
export interface TypedCommand {
  name: string
  /** Words that are no flags, in order. */
  words: string[]
  /** `--name value`, `--name=value`, or `--name` alone. */
  flags: Map<string, string | true>
}

/** Text that asks nothing of us is left alone. */
export interface Address {
  /** Such as `!`; empty when typed commands are off. */
  prefix: string
  /** The bot's user id. */
  bot: string
}

/** What follows the prefix or the mention, or undefined when the text is not for us. */
export function textForUs(content: string, { prefix, bot }: Address): string | undefined {
  const text = content.trimStart()
  const mention = new RegExp(`^<@!?${bot}>[\\s,:]*`).exec(text)?.[0]
  if (mention !== undefined) return text.slice(mention.length).trim()
  // “!!!” and “! ” are people, not commands.
  if (prefix === '' || !text.startsWith(prefix)) return undefined
  const rest = text.slice(prefix.length)
  return /^\p{L}/u.test(rest) ? rest.trim() : undefined
}

/**
 * Splits typed text into a command: words, "quoted words" and flags. `--` ends the flags.
 * @param takesValue whether a flag is followed by its value.
 * @throws MessageUnreadableError
 */
export function parseTyped(
  text: string,
  takesValue: (command: string, flag: string) => boolean,
): TypedCommand {
  if (text.length > LENGTH_MAX)
    throw new MessageUnreadableError({ reason: `it is longer than ${LENGTH_MAX} characters` })
  const [first, ...tokens] = tokensOf(text)
  const name = (first?.text ?? '').toLowerCase()
  const words: string[] = []
  const flags = new Map<string, string | true>()
  let flagsEnded = false
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as Token
    if (flagsEnded || token.isQuoted || !/^(--|—)/.test(token.text)) {
      words.push(token.text)
      continue
    }
    // Telephones turn two hyphens into a dash.
    const flag = token.text.replace(/^(--|—)/, '')
    if (flag === '') {
      flagsEnded = true
      continue
    }
    const equals = flag.indexOf('=')
    if (equals > 0) {
      flags.set(flag.slice(0, equals).toLowerCase(), flag.slice(equals + 1))
      continue
    }
    const next = tokens[index + 1]
    if (next !== undefined && takesValue(name, flag.toLowerCase())) {
      flags.set(flag.toLowerCase(), next.text)
      index++
    } else flags.set(flag.toLowerCase(), true)
  }
  return { name, words, flags }
}

interface Token {
  text: string
  isQuoted: boolean
}

const CLOSING: Readonly<Record<string, string>> = { '"': '"', '“': '”', '„': '“', '«': '»', '「': '」' }

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const sign = text[at] as string
    if (/\s/.test(sign)) {
      at++
      continue
    }
    if (tokens.length >= WORDS_MAX)
      throw new MessageUnreadableError({ reason: `it has more than ${WORDS_MAX} words` })
    const closing = CLOSING[sign]
    if (closing !== undefined) {
      const end = text.indexOf(closing, at + 1)
      if (end < 0) throw new MessageUnreadableError({ reason: `the quotation mark ${sign} is never closed` })
      tokens.push({ text: text.slice(at + 1, end), isQuoted: true })
      at = end + 1
      continue
    }
    const end = at + (/[\s]/.exec(text.slice(at))?.index ?? text.length - at)
    tokens.push(unfenced(text.slice(at, end)))
    at = end
  }
  return tokens
}

/** Ids are often pasted in backticks. */
function unfenced(word: string): Token {
  const inner = /^`([^`]+)`$/.exec(word)?.[1]
  return inner === undefined ? { text: word, isQuoted: false } : { text: inner, isQuoted: true }
}
