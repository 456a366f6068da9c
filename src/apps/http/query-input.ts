import { z } from 'zod'
import type { Command } from '../../commands/command.ts'
import { InvalidInputError } from '../../core/errors.ts'

/**
 * A command's input from a query string, where every value is text: what the field's schema calls a number or
 * a truth value becomes one. Unknown names are refused, so that a misspelt `copys=3` is noticed.
 */
export function inputFromQuery(
  command: Command,
  query: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const schema = z.toJSONSchema(command.input, { io: 'input', unrepresentable: 'any' })
  const fields = (schema.properties ?? {}) as Record<string, unknown>
  const input: Record<string, unknown> = {}
  for (const [name, raw] of Object.entries(query)) {
    if (!Object.hasOwn(fields, name)) {
      throw new InvalidInputError({
        what: 'The query',
        reason: `\`${command.name}\` has no field “${name.slice(0, 40)}”`,
        hint: `Its fields are ${Object.keys(fields).join(', ')}.`,
      })
    }
    if (typeof raw !== 'string') {
      throw new InvalidInputError({ what: 'The query', reason: `“${name}” is given more than once` })
    }
    input[name] = fromText(raw, typesOf(fields[name]))
  }
  return input
}

function fromText(text: string, types: ReadonlySet<string>): unknown {
  if (types.has('string')) return text
  const isNumber = types.has('integer') || types.has('number')
  if (isNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (types.has('boolean') && (text === 'true' || text === 'false' || text === '')) return text !== 'false'
  return text
}

/** Every JSON type a schema admits, looking through `anyOf`. */
function typesOf(schema: unknown): Set<string> {
  const types = new Set<string>()
  if (typeof schema !== 'object' || schema === null) return types
  const { type, anyOf, oneOf } = schema as { type?: unknown; anyOf?: unknown; oneOf?: unknown }
  for (const one of [type].flat()) if (typeof one === 'string') types.add(one)
  for (const branch of [anyOf, oneOf].flat()) for (const one of typesOf(branch)) types.add(one)
  return types
}
