import { parseArgs } from 'node:util'
import { UsageError } from './errors.ts'
import { nearestWord } from './nearest-word.ts'
import { type CliCommand, GLOBAL_OPTIONS, type Option } from './options.ts'

/** A command line, taken apart. */
export interface ParsedWords {
  /** Fields and settings by key, as text, truth values or lists of text. */
  values: Record<string, string | boolean | string[]>
  json: boolean
  help: boolean
  home: string | undefined
}

/**
 * Reads the words after the command's name.
 * @throws UsageError that names the flag and what was probably meant.
 */
export function parseWords(command: CliCommand, words: readonly string[]): ParsedWords {
  const options = [
    ...command.options,
    ...GLOBAL_OPTIONS.filter(({ flag }) => !command.options.some((one) => one.flag === flag)),
  ]
  const { values, positionals } = parse(command, options, words)
  const parsed: ParsedWords = { values: {}, json: false, help: false, home: undefined }
  for (const option of options) {
    const value = values[option.flag]
    if (value === undefined) continue
    if (option.key === 'json' && isGlobal(option)) parsed.json = value === true
    else if (option.key === 'help' && isGlobal(option)) parsed.help = value === true
    else if (option.key === 'home' && isGlobal(option)) parsed.home = String(value)
    else parsed.values[option.key] = value as string | boolean | string[]
  }
  if (parsed.help) return parsed
  takePositionals(command, positionals, parsed)
  return parsed
}

function takePositionals(command: CliCommand, positionals: readonly string[], parsed: ParsedWords): void {
  for (const [index, word] of positionals.entries()) {
    const key = command.positional[index]
    if (key === undefined) {
      throw new UsageError({
        message: `“${word.slice(0, 80)}” is one word too many for \`kizuna ${command.name}\`.`,
        hint: `Put quotes around names with spaces. \`kizuna ${command.name} --help\` shows what it takes.`,
      })
    }
    parsed.values[key] = word
  }
  const missing = command.required.find((key) => parsed.values[key] === undefined)
  if (missing === undefined) return
  throw new UsageError({
    message: `\`kizuna ${command.name}\` needs ${missing.toUpperCase()}.`,
    hint: `\`kizuna ${command.name} --help\` shows what it takes.`,
  })
}

function parse(command: CliCommand, options: readonly Option[], words: readonly string[]) {
  const switches = new Set(options.filter(({ kind }) => kind === 'switch').map(({ flag }) => flag))
  try {
    const { values, positionals } = parseArgs({
      args: words.map((word) => spellSwitch(word, switches)),
      options: Object.fromEntries(
        options.map(({ flag, kind, short }) => [
          flag,
          {
            type: kind === 'switch' ? ('boolean' as const) : ('string' as const),
            multiple: kind === 'list',
            ...(short === undefined ? {} : { short }),
          },
        ]),
      ),
      allowPositionals: true,
      allowNegative: true,
      strict: true,
    })
    return { values: values as Record<string, unknown>, positionals }
  } catch (error) {
    throw usageError(command, options, error as Error & { code?: string })
  }
}

/** `--mdns=false` is `--no-mdns`: scripts that know only settings and values may write it so. */
function spellSwitch(word: string, switches: ReadonlySet<string>): string {
  const match = /^--([a-z0-9-]+)=(true|yes|on|1|false|no|off|0)$/.exec(word)
  const flag = match?.[1] ?? ''
  if (match === null || !switches.has(flag)) return word
  return ['true', 'yes', 'on', '1'].includes(match[2] ?? '') ? `--${flag}` : `--no-${flag}`
}

function usageError(
  command: CliCommand,
  options: readonly Option[],
  error: Error & { code?: string },
): UsageError {
  const help = `\`kizuna ${command.name} --help\` lists what it takes.`
  const unknown = /Unknown option '(-[^']*)'/.exec(error.message)?.[1]
  if (unknown !== undefined) {
    const near = nearestWord(
      unknown.replace(/^-+/, ''),
      options.map(({ flag }) => flag),
    )
    return new UsageError({
      message: `\`kizuna ${command.name}\` has no flag ${unknown.slice(0, 80)}.`,
      hint: near === undefined ? help : `Did you mean --${near}? ${help}`,
    })
  }
  const flag = /'(?:-\w, )?--([a-z0-9-]+)[^']*'/.exec(error.message)?.[1]
  if (flag !== undefined) {
    const isSwitch = options.find((option) => option.flag === flag)?.kind === 'switch'
    return new UsageError({
      message: isSwitch ? `--${flag} takes no value.` : `--${flag} needs a value.`,
      hint: isSwitch
        ? `Write --${flag} or --no-${flag}.`
        : `Write --${flag}=VALUE when the value begins with a dash. ${help}`,
    })
  }
  return new UsageError({ message: 'The command line cannot be read.', hint: help })
}

function isGlobal(option: Option): boolean {
  return GLOBAL_OPTIONS.includes(option)
}
