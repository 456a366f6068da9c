import {
  type APIApplicationCommandInteractionDataBasicOption,
  type APIChatInputApplicationCommandInteractionData,
  ApplicationCommandOptionType,
} from 'discord.js'
import type { ShownCommand } from '../command-surface.ts'
import type { Attachment } from '../incoming/fetch-attachment.ts'
import { optionName } from './option-of-field.ts'

/** What somebody gave with a slash command. */
export interface GivenOptions {
  /** For the command; unknown options are left out. */
  input: Record<string, unknown>
  attachment: Attachment | undefined
}

/** The options of a slash command as the command's input. */
export function readOptions(
  data: Pick<APIChatInputApplicationCommandInteractionData, 'options' | 'resolved'>,
  shown: ShownCommand,
): GivenOptions {
  const first = data.options?.[0]
  const isNested = first?.type === ApplicationCommandOptionType.Subcommand
  const options = (isNested ? first.options : data.options) as
    | APIApplicationCommandInteractionDataBasicOption[]
    | undefined
  const action = isNested ? shown.actions.find((name) => optionName(name) === first.name) : shown.onlyAction
  const input: Record<string, unknown> = action === undefined ? {} : { action }
  const fields = new Map(Object.keys(shown.command.input.shape).map((field) => [optionName(field), field]))
  let attachment: Attachment | undefined
  for (const option of options ?? []) {
    if (option.type === ApplicationCommandOptionType.Attachment) {
      const found = data.resolved?.attachments?.[option.value]
      if (found !== undefined) attachment = { url: found.url, name: found.filename, sizeBytes: found.size }
      continue
    }
    const field = fields.get(option.name)
    if (field !== undefined) input[field] = option.value
  }
  return { input, attachment }
}
