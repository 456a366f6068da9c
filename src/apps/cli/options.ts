import { z } from 'zod'
import type { Command } from '../../commands/command.ts'
import { flagOf } from '../../node/config.ts'
import { CONFIG_KEYS, nodeConfigSchema } from '../../node/config-schema.ts'

/** A flag of the command line. */
export interface Option {
  /** The flag without `--`, such as `api-port`. */
  flag: string
  /** One letter, for people. */
  short?: string
  /** The input field or setting it fills. */
  key: string
  /** `switch` stands alone (`--json`, `--no-json`); `list` may be given several times. */
  kind: 'switch' | 'text' | 'list'
  description: string
  /** What it takes, for help: `true or false`, `size such as 500MB`. */
  form?: string
  choices?: readonly string[]
  default?: unknown
}

/** A command as the CLI offers it. */
export interface CliCommand {
  name: string
  summary: string
  description: string
  /** Names of the words taken without a flag, in order; those in `optional` may be left out. */
  positional: readonly string[]
  required: readonly string[]
  options: readonly Option[]
}

/** Flags that every command takes. */
export const GLOBAL_OPTIONS: readonly Option[] = [
  { flag: 'json', key: 'json', kind: 'switch', description: 'Print data as JSON, and nothing else' },
  { flag: 'home', key: 'home', kind: 'text', description: 'Data folder; default KIZUNA_HOME or ~/.kizuna' },
  { flag: 'help', short: 'h', key: 'help', kind: 'switch', description: 'Explain the command' },
]

interface JsonSchema {
  type?: unknown
  description?: string
  default?: unknown
  enum?: readonly unknown[]
}

/** The command line of a command, derived from its input. */
export function cliCommandOf(command: Command): CliCommand {
  const schema = z.toJSONSchema(command.input, { io: 'input', unrepresentable: 'any' })
  const fields = Object.entries(schema.properties ?? {}) as [string, JsonSchema][]
  const required = new Set(schema.required ?? [])
  return {
    name: command.name,
    summary: command.summary,
    description: command.description,
    positional: command.positional,
    required: command.positional.filter((name) => required.has(name)),
    options: fields
      .filter(([name]) => !command.positional.includes(name))
      .map(([name, field]) => ({
        flag: kebab(name),
        key: name,
        kind: field.type === 'boolean' ? 'switch' : field.type === 'array' ? 'list' : 'text',
        description: field.description ?? '',
        ...(field.enum === undefined ? {} : { choices: field.enum.map(String) }),
        ...(field.default === undefined ? {} : { default: field.default }),
      })),
  }
}

/** Every setting of a node as a flag. */
export function settingOptions(): Option[] {
  return CONFIG_KEYS.filter((key) => key !== 'home').map((key) => {
    const schema = nodeConfigSchema.shape[key]
    const form = settingForm(key)
    const fallback: unknown = schema.safeParse(undefined).data
    return {
      flag: flagOf(key).slice(2),
      key,
      kind: form === 'true or false' ? 'switch' : form.startsWith('list') ? 'list' : 'text',
      description: schema.description ?? '',
      ...(form === '' ? {} : { form }),
      ...(fallback === undefined || fallback === '' ? {} : { default: fallback }),
    }
  })
}

/** What values a setting takes, in words; empty for free text. */
function settingForm(key: (typeof CONFIG_KEYS)[number]): string {
  // The description sits on the outer schema and the form on one it wraps.
  let schema: unknown = nodeConfigSchema.shape[key]
  for (let depth = 0; depth < 5 && schema instanceof z.ZodType; depth++) {
    const form = schema.meta()?.form
    if (typeof form === 'string') return form
    schema = (schema as { unwrap?: () => unknown }).unwrap?.()
  }
  return ''
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
