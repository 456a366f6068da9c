import { z } from 'zod'
import { optionFields, type ShownCommand } from '../command-surface.ts'
import { MessageUnreadableError } from '../errors.ts'
import { optionName } from '../registration/option-of-field.ts'
import type { TypedCommand } from './parse-typed.ts'

/** Whether a flag of this command is followed by a value: all but switches are. */
export function takesValue(shown: ShownCommand | undefined, flag: string): boolean {
  const field = shown === undefined ? undefined : fieldOf(shown, flag)
  return field !== undefined && shown !== undefined && !isSwitch(shown, field)
}

/**
 * A typed command's words and flags as the command's input. The schema checks the values; here it is only decided
 * which word belongs to which field.
 * @throws MessageUnreadableError for a flag or a word that fits nowhere.
 */
export function inputOfTyped(shown: ShownCommand, typed: TypedCommand): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  const words = [...typed.words]
  if (shown.onlyAction !== undefined) input.action = shown.onlyAction
  else if (shown.actions.length > 0) {
    const action = shown.actions.find((name) => optionName(name) === words[0]?.toLowerCase())
    if (action === undefined)
      throw new MessageUnreadableError({ reason: `${typed.name} wants one of: ${shown.actions.join(', ')}` })
    input.action = action
    words.shift()
  }
  for (const [flag, value] of typed.flags) {
    const field = fieldOf(shown, flag)
    if (field === undefined)
      throw new MessageUnreadableError({ reason: `${typed.name} has no option --${flag.slice(0, 32)}` })
    input[field] = isSwitch(shown, field) ? readSwitch(flag, value) : value === true ? '' : value
  }
  const places = placesOf(shown, input)
  const last = places.at(-1)
  for (const place of places) {
    if (words.length === 0) break
    // What people type after the last place belongs to it: a text with spaces, a name of two words.
    input[place] = place === last ? words.splice(0).join(' ') : words.shift()
  }
  if (words.length > 0)
    throw new MessageUnreadableError({ reason: `“${words[0]?.slice(0, 32)}” fits nowhere in ${typed.name}` })
  return input
}

/** Fields that words go to, in order: those of the command line, and text where that is all there is. */
function placesOf(shown: ShownCommand, input: Readonly<Record<string, unknown>>): string[] {
  const offered = optionFields(shown, typeof input.action === 'string' ? input.action : undefined)
  const positional: readonly string[] = shown.command.positional
  const places = positional.filter((field) => offered.includes(field))
  const usual = places.length > 0 ? places : offered.filter((field) => field === 'text')
  return usual.filter((field) => input[field] === undefined)
}

function fieldOf(shown: ShownCommand, flag: string): string | undefined {
  const offered = [
    ...new Set(
      [undefined, ...shown.actions, shown.onlyAction].flatMap((action) => optionFields(shown, action)),
    ),
  ]
  return offered.find((field) => optionName(field) === flag || field.toLowerCase() === flag)
}

/** Deriving it is slow, and the fields never change. */
const switches = new WeakMap<z.ZodType, boolean>()

function isSwitch(shown: ShownCommand, field: string): boolean {
  const schema = shown.command.input.shape[field] as z.ZodType
  const known = switches.get(schema)
  if (known !== undefined) return known
  const form = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as { type?: string }
  switches.set(schema, form.type === 'boolean')
  return form.type === 'boolean'
}

function readSwitch(flag: string, value: string | true): boolean {
  if (value === true || /^(true|yes|on|1)$/i.test(value)) return true
  if (/^(false|no|off|0)$/i.test(value)) return false
  throw new MessageUnreadableError({ reason: `--${flag} is on or off` })
}
