import type { z } from 'zod'
import { InvalidInputError } from '../../core/errors.ts'
import type { Command } from '../command.ts'

/** The third gate: the input as its schema makes it. @throws InvalidInputError naming every fault. */
export function validate(command: Command, input: unknown): Record<string, unknown> {
  const parsed = command.input.safeParse(input)
  if (parsed.success) return parsed.data
  throw new InvalidInputError({
    what: `The input of ${command.name}`,
    reason: parsed.error.issues.map(sentenceOf).join('; '),
    hint: `\`kizuna help ${command.name}\` shows what it takes.`,
  })
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  const where = issue.path.join('.')
  return where === '' ? issue.message : `${where}: ${issue.message}`
}
