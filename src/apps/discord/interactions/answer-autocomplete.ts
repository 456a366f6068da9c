import {
  type APIApplicationCommandAutocompleteInteraction,
  type APIApplicationCommandInteractionDataBasicOption,
  ApplicationCommandOptionType,
} from 'discord.js'
import { mayAsk } from '../../../commands/gates/permit.ts'
import { permissionOf } from '../ask.ts'
import { type BotParts, standingOf } from '../bot-parts.ts'
import { completionOf, shownCommands } from '../command-surface.ts'
import { completionsOf } from '../completions.ts'
import { optionName } from '../registration/option-of-field.ts'
import type { Asked } from './answer-interaction.ts'

/** Answers while somebody types: from this node's index, asking nobody. Who may not read sees nothing. */
export async function answerAutocomplete(
  parts: BotParts,
  { interaction, ask, sendChoices }: Asked<APIApplicationCommandAutocompleteInteraction>,
): Promise<void> {
  const { data } = interaction
  const shown = shownCommands(parts.commands).find(({ command }) => command.name === data.name)
  const first = data.options[0]
  const options = (first?.type === ApplicationCommandOptionType.Subcommand ? first.options : data.options) as
    | APIApplicationCommandInteractionDataBasicOption[]
    | undefined
  const focused = options?.find((option) => 'focused' in option && option.focused === true)
  const action = first?.type === ApplicationCommandOptionType.Subcommand ? first.name : undefined
  const field = Object.keys(shown?.command.input.shape ?? {}).find(
    (name) => optionName(name) === focused?.name,
  )
  const completes =
    shown === undefined || field === undefined ? undefined : completionOf(shown, action, field)
  const typed = String(focused?.value ?? '')
  const isAllowed =
    completes === 'command' || mayAsk({ permission: permissionOf(ask, standingOf(parts, ask)) }, 'member')
  await sendChoices(completes === undefined || !isAllowed ? [] : completionsOf(parts, ask, completes, typed))
}
