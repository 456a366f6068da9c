import {
  type APIApplicationCommandBasicOption,
  type APIApplicationCommandOptionChoice,
  ApplicationCommandOptionType,
} from 'discord.js'
import { z } from 'zod'
import type { Command } from '../../../commands/command.ts'
import { plainText } from '../answers/safe-text.ts'
import { choiceWords } from '../words/command-words.ts'

const DESCRIPTION_LENGTH_MAX = 100
const TEXT_LENGTH_MAX = 6_000
const CHOICES_MAX = 25
/** Discord's numbers are exact up to here. */
const NUMBER_MAX = 2 ** 53

/** What a field's schema says in JSON Schema, as far as options can say it, too. */
interface FieldForm {
  type?: string
  enum?: unknown[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
}

/** A field of a command as an option of Discord. */
export function optionOfField(
  command: Command,
  field: string,
  { isCompleted, chosen }: { isCompleted: boolean; chosen: 'channel' | 'user' | undefined },
): APIApplicationCommandBasicOption {
  const schema = command.input.shape[field] as z.ZodType
  const form = formOf(schema)
  const base = {
    name: optionName(field),
    description: plainText(schema.description ?? field, DESCRIPTION_LENGTH_MAX).replaceAll('`', ''),
    required: !schema.safeParse(undefined).success,
  }
  if (chosen === 'user') return { type: ApplicationCommandOptionType.User, ...base }
  if (chosen === 'channel') return { type: ApplicationCommandOptionType.Channel, ...base }
  if (form.type === 'boolean') return { type: ApplicationCommandOptionType.Boolean, ...base }
  if (form.type === 'integer' || form.type === 'number') {
    return form.type === 'integer'
      ? { type: ApplicationCommandOptionType.Integer, ...base, ...bounds(form) }
      : { type: ApplicationCommandOptionType.Number, ...base, ...bounds(form) }
  }
  const choices = choicesOf(field, form)
  if (choices !== undefined) return { type: ApplicationCommandOptionType.String, ...base, choices }
  return {
    type: ApplicationCommandOptionType.String,
    ...base,
    ...(form.minLength === undefined || form.minLength === 0 ? {} : { min_length: form.minLength }),
    ...(form.maxLength === undefined ? {} : { max_length: Math.min(form.maxLength, TEXT_LENGTH_MAX) }),
    ...(isCompleted ? { autocomplete: true } : {}),
  } as APIApplicationCommandBasicOption
}

/** The option's name for a field: Discord knows no capitals. `chunkSize` becomes `chunk-size`. */
export function optionName(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function formOf(schema: z.ZodType): FieldForm {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as FieldForm
}

function bounds({ minimum, maximum }: FieldForm): { min_value?: number; max_value?: number } {
  return {
    ...(minimum === undefined || minimum < -NUMBER_MAX ? {} : { min_value: minimum }),
    ...(maximum === undefined || maximum > NUMBER_MAX ? {} : { max_value: maximum }),
  }
}

function choicesOf(field: string, form: FieldForm): APIApplicationCommandOptionChoice<string>[] | undefined {
  const values = form.enum?.filter((value) => typeof value === 'string')
  if (values === undefined || values.length === 0 || values.length > CHOICES_MAX) return undefined
  return values.map((value) => ({ name: value, ...choiceWords(field, value), value }))
}
