import { z } from 'zod'
import { InvalidInputError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { defineCommand } from './command.ts'

/** What a command takes, for people and for programs. */
export interface CommandHelp {
  name: string
  summary: string
  description: string
  permission: string
  positional: readonly string[]
  options: { name: string; description: string; default: unknown; required: boolean }[]
}

/** The `help` command over a table of commands (itself included). */
export function helpFor(commands: () => readonly Command[]) {
  return defineCommand({
    name: 'help',
    summary: 'Explain the commands',
    description:
      'Without a word it lists all commands; with one it explains that.\n\nExample: kizuna help share',
    permission: 'anyone',
    cost: 'light',
    input: z.strictObject({ command: z.string().max(64).optional().describe('Command to explain') }),
    positional: ['command'],
    timeoutMs: 5_000,
    async run(_services, { command: name }): Promise<{ commands: CommandHelp[] }> {
      const all = commands()
      if (name === undefined) return { commands: all.map(describeCommand) }
      const found = all.find((command) => command.name === name)
      if (found !== undefined) return { commands: [describeCommand(found)] }
      throw new InvalidInputError({
        what: 'The command',
        reason: `there is none called “${name}”`,
        hint: '`kizuna help` lists them all.',
      })
    },
  })
}

/** Everything an app needs to explain a command. */
export function describeCommand(command: Command): CommandHelp {
  return {
    name: command.name,
    summary: command.summary,
    description: command.description,
    permission: command.permission,
    positional: command.positional,
    options: Object.entries(command.input.shape).map(([name, field]) => {
      const type = field as z.ZodType
      const whenAbsent = type.safeParse(undefined)
      return {
        name,
        description: type.description ?? '',
        default: whenAbsent.success ? (whenAbsent.data ?? null) : null,
        required: !whenAbsent.success,
      }
    }),
  }
}
