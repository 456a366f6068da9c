import type { Command } from '../../../commands/command.ts'
import type { View, ViewControl } from '../answers/view.ts'
import type { BotParts } from '../bot-parts.ts'
import { commandNamed } from '../command-surface.ts'
import { MessageUnreadableError, WrongPlaceError } from '../errors.ts'
import { giveCommand } from '../give-command.ts'
import { type GuildChange, type GuildSettings, isPrefix } from '../guilds/guild-settings.ts'
import type { ViewContext } from '../views/view-context.ts'
import { LANGUAGE_NAMES } from '../words/say.ts'
import type { Asked } from './answer-interaction.ts'
import { prefixForm } from './forms.ts'

const ROLES_MAX = 10

/** `/setup`: a card on which each choice is saved at once. Who may not run `setup` gets no further. */
export async function openWizard(parts: BotParts, asked: Asked, command: Command): Promise<void> {
  await runSetup(parts, asked, command, undefined, 'new')
}

/** A choice on the card. */
export async function changeSetup(
  parts: BotParts,
  asked: Asked,
  what: string,
  values: readonly string[],
): Promise<void> {
  if (what === 'prefix') {
    const now = parts.guilds.of(asked.ask.guild).prefix ?? parts.services.config.discordPrefix
    return asked.answer().ask(prefixForm(parts, asked.ask, now))
  }
  const change = changeOf(what, values)
  await runSetup(parts, asked, commandNamed(parts.commands, 'setup'), change, 'update')
}

/** The form with the prefix was sent. */
export async function changePrefix(parts: BotParts, asked: Asked, prefix: string): Promise<void> {
  if (!isPrefix(prefix))
    throw new MessageUnreadableError({
      reason: 'a prefix has one to five characters, without spaces, @, #, / and \\',
    })
  await runSetup(parts, asked, commandNamed(parts.commands, 'setup'), { prefix }, 'update')
}

async function runSetup(
  parts: BotParts,
  asked: Asked,
  command: Command,
  change: GuildChange | undefined,
  mode: 'new' | 'update',
): Promise<void> {
  const { guild } = asked.ask
  if (guild === undefined) throw new WrongPlaceError()
  await giveCommand(
    parts,
    {
      ask: asked.ask,
      command,
      input: {},
      // The card is shown to the asker alone from the start; changing it keeps it so.
      confidential: mode === 'new',
      present: (_result, context) => {
        const settings = change === undefined ? parts.guilds.of(guild) : parts.guilds.change(guild, change)
        return wizardView(context, settings, parts.services.config.discordPrefix, change !== undefined)
      },
    },
    asked.answer(mode),
  )
}

function changeOf(what: string, values: readonly string[]): GuildChange {
  switch (what) {
    case 'language':
      return { language: (['en', 'fr', 'ja', 'ru'] as const).find((language) => language === values[0]) }
    case 'members':
      return { memberRoles: [...values] }
    case 'stewards':
      return { stewardRoles: [...values] }
    default:
      return { noticesChannel: values[0] }
  }
}

function wizardView(context: ViewContext, settings: GuildSettings, prefix: string, isSaved: boolean): View {
  const { say } = context
  const language = settings.language ?? 'en'
  const languages = Object.entries(LANGUAGE_NAMES).map(([value, label]) => ({
    label,
    value,
    chosen: value === language,
  }))
  return {
    kind: 'card',
    tone: isSaved ? 'good' : 'plain',
    title: say('setup.title'),
    text: isSaved ? say('setup.saved') : say('setup.intro'),
    facts: [
      { label: say('setup.prefix'), value: `\`${settings.prefix ?? prefix}\`` },
      { label: say('setup.language'), value: LANGUAGE_NAMES[language] ?? language },
      { label: say('setup.members'), value: rolesShown(settings.memberRoles, say('setup.everyone')) },
      { label: say('setup.stewards'), value: rolesShown(settings.stewardRoles, say('none')) },
      {
        label: say('setup.notices'),
        value: settings.noticesChannel === undefined ? say('none') : `<#${settings.noticesChannel}>`,
      },
    ],
    controls: [
      control(context, 'members', (id) => roles(id, say('setup.members'), settings.memberRoles)),
      control(context, 'stewards', (id) => roles(id, say('setup.stewards'), settings.stewardRoles)),
      control(context, 'notices', (id) => ({
        kind: 'channel',
        id,
        placeholder: say('setup.notices'),
        chosen: settings.noticesChannel === undefined ? [] : [settings.noticesChannel],
        most: 1,
      })),
      control(context, 'language', (id) => ({
        kind: 'choice',
        id,
        placeholder: say('setup.language'),
        options: languages,
      })),
      control(context, 'prefix', (id) => ({
        kind: 'button',
        id,
        label: say('setup.prefixButton'),
        style: 'plain',
      })),
    ],
  }
}

function control(
  { controls, user }: ViewContext,
  what: string,
  make: (id: string) => ViewControl,
): ViewControl[] {
  const id = controls.make({ does: 'setup', user, facts: [what] })
  return id === undefined ? [] : [make(id)]
}

function roles(id: string, placeholder: string, chosen: readonly string[]): ViewControl {
  return { kind: 'roles', id, placeholder, chosen, most: ROLES_MAX }
}

function rolesShown(ids: readonly string[], nobody: string): string {
  return ids.length === 0 ? nobody : ids.map((id) => `<@&${id}>`).join(' ')
}
