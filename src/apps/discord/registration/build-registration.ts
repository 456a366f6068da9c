import {
  type APIApplicationCommandBasicOption,
  type APIApplicationCommandSubcommandOption,
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  type RESTPostAPIApplicationCommandsJSONBody,
} from 'discord.js'
import type { Command } from '../../../commands/command.ts'
import { plainText } from '../answers/safe-text.ts'
import { completionOf, optionFields, type ShownCommand, shownCommands } from '../command-surface.ts'
import { commandWords, menuWords, optionWords, summaryWords } from '../words/command-words.ts'
import { optionName, optionOfField } from './option-of-field.ts'

const DESCRIPTION_LENGTH_MAX = 100

/** The names of the two entries in a message's menu. */
export const MENU = { store: 'Store this message', verify: 'Verify this file' } as const

/** Everything that is registered at Discord, derived from the command table. */
export function buildRegistration(commands: readonly Command[]): RESTPostAPIApplicationCommandsJSONBody[] {
  return [...shownCommands(commands).map(slashCommand), menuEntry(MENU.store), menuEntry(MENU.verify)]
}

function slashCommand(shown: ShownCommand): RESTPostAPIApplicationCommandsJSONBody {
  const { command } = shown
  const options =
    shown.actions.length === 0
      ? optionsOf(shown, shown.onlyAction)
      : shown.actions.map((action) => subcommand(shown, action))
  return {
    type: ApplicationCommandType.ChatInput,
    name: command.name,
    ...commandWords(command.name),
    description: plainText(command.summary, DESCRIPTION_LENGTH_MAX),
    ...summaryWords(command.name),
    options,
    // Roles that `/setup` names are ours to check; this is only what Discord offers at first.
    default_member_permissions: needsManager(shown) ? String(PermissionFlagsBits.ManageGuild) : null,
    contexts: contextsOf(shown),
    integration_types: shown.shown.personal === true ? EVERYWHERE : [ApplicationIntegrationType.GuildInstall],
  }
}

const EVERYWHERE = [ApplicationIntegrationType.GuildInstall, ApplicationIntegrationType.UserInstall]

function contextsOf({ shown }: ShownCommand): InteractionContextType[] {
  if (shown.serverOnly === true) return [InteractionContextType.Guild]
  const both = [InteractionContextType.Guild, InteractionContextType.BotDM]
  return shown.personal === true ? [...both, InteractionContextType.PrivateChannel] : both
}

function needsManager({ command, actions, onlyAction }: ShownCommand): boolean {
  const offered = onlyAction === undefined ? actions : [onlyAction]
  const needed =
    offered.length === 0
      ? [command.permission]
      : offered.map((action) => command.actions?.[action]?.permission ?? command.permission)
  return needed.every((permission) => permission === 'steward' || permission === 'owner')
}

function subcommand(shown: ShownCommand, action: string): APIApplicationCommandSubcommandOption {
  const summary = shown.command.actions?.[action]?.summary ?? shown.command.summary
  return {
    type: ApplicationCommandOptionType.Subcommand,
    name: optionName(action),
    description: plainText(summary, DESCRIPTION_LENGTH_MAX),
    ...commandWords(`${shown.command.name} ${action}`),
    ...summaryWords(`${shown.command.name} ${action}`),
    options: optionsOf(shown, action),
  }
}

/** The options of a command, or of one of its actions. */
export function optionsOf(
  shown: ShownCommand,
  action: string | undefined,
): APIApplicationCommandBasicOption[] {
  const { command } = shown
  const file: APIApplicationCommandBasicOption[] =
    shown.shown.attachment === undefined
      ? []
      : [
          {
            type: ApplicationCommandOptionType.Attachment,
            name: shown.shown.attachment,
            description: 'File to share',
            ...optionWords(command.name, shown.shown.attachment),
            required: false,
          },
        ]
  const fields = optionFields(shown, action).map((field) => ({
    ...optionOfField(command, field, {
      isCompleted: completionOf(shown, action, field) !== undefined,
      chosen: shown.shown.chosen?.[field],
    }),
    ...optionWords(action === undefined ? command.name : `${command.name} ${action}`, field),
  }))
  // Discord wants what is required first.
  return [...file, ...fields].sort(
    (one, other) => Number(other.required ?? false) - Number(one.required ?? false),
  )
}

function menuEntry(name: string): RESTPostAPIApplicationCommandsJSONBody {
  return {
    type: ApplicationCommandType.Message,
    name,
    ...menuWords(name),
    contexts: [InteractionContextType.Guild, InteractionContextType.BotDM],
    integration_types: [ApplicationIntegrationType.GuildInstall],
    default_member_permissions: null,
  }
}
