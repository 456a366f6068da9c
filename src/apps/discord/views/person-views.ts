import type { Locale } from 'discord.js'
import type { Permission } from '../../../commands/command.ts'
import { mayAsk } from '../../../commands/gates/permit.ts'
import { code, prose, safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import type { CommandGroup, ShownCommand } from '../command-surface.ts'
import { optionsOf } from '../registration/build-registration.ts'
import { summaryIn } from '../words/command-words.ts'
import { formatMoment } from '../words/format.ts'
import { button, type ViewContext } from './view-context.ts'

const GROUPS: readonly CommandGroup[] = ['everyday', 'node', 'work', 'you', 'manage']
const HISTORY_SHOWN_MAX = 20

/** What `history` answers. */
export interface HistoryResult {
  entries?: {
    at: string
    command: string
    action?: string
    outcome: string
    durationMs: number
    caller: string
  }[]
}

/** What `privacy` answers. */
export interface PrivacyResult {
  kept?: Record<string, unknown[]>
  erased?: Record<string, number>
}

/** All commands this person may give, by group; or one of them. */
export function helpView(
  context: ViewContext,
  all: readonly ShownCommand[],
  asker: Permission,
  name: string | undefined,
): View {
  const { say } = context
  const one = all.find(({ command }) => command.name === name)
  if (one !== undefined) return oneCommandView(context, one)
  const allowed = all.filter((shown) => mayAsk({ permission: asker }, leastPermission(shown)))
  const lines = GROUPS.flatMap((group) => {
    const inGroup = allowed.filter(({ shown }) => shown.group === group)
    if (inGroup.length === 0) return []
    return [
      `**${say(`help.${group}`)}**`,
      ...inGroup.map(
        ({ command }) =>
          `${context.mention(command.name)} ${safeText(summaryIn(say.language, command.name) ?? command.summary, 120)}`,
      ),
    ]
  })
  return {
    kind: 'card',
    tone: 'plain',
    title: say('help.title'),
    text: say('help.intro', {
      command: context.mention('help'),
      share: context.mention('share'),
      get: context.mention('get'),
    }),
    lines,
  }
}

function oneCommandView(context: ViewContext, shown: ShownCommand): View {
  const { say } = context
  const { command, actions } = shown
  const [text = ''] = command.description.split('\n\nExample:')
  // The long description is for the command line, too, and in English alone.
  const more = say.language === 'en' ? `\n${prose(text.replaceAll(/(?<=^|\s)--(?=[a-z])/g, ''), 1_500)}` : ''
  return {
    kind: 'card',
    tone: 'plain',
    title: `/${command.name}`,
    text: `${safeText(summaryIn(say.language, command.name) ?? command.summary, 200)}${more}`,
    lines: [
      ...(actions.length === 0 ? optionLines(context, shown) : []),
      ...actions.map(
        (action) =>
          `\`/${command.name} ${action}\` ${safeText(summaryIn(say.language, `${command.name} ${action}`) ?? command.actions?.[action]?.summary ?? '', 120)}`,
      ),
      say('help.onlyFor', { who: say(`who.${leastPermission({ command, actions })}`) }),
    ],
  }
}

/** The options as Discord shows them, in the reader's language. */
function optionLines({ say }: ViewContext, shown: ShownCommand): string[] {
  return optionsOf(shown, shown.onlyAction).map((option) => {
    const locale = say.language as Locale
    const name = option.name_localizations?.[locale] ?? option.name
    const text = option.description_localizations?.[locale] ?? option.description
    const needed = option.required === true ? ` (${say('help.needed')})` : ''
    return `• **${safeText(name, 40)}** ${safeText(text, 120)}${needed}`
  })
}

function leastPermission({ command, actions }: Pick<ShownCommand, 'command' | 'actions'>): Permission {
  const needed = actions.map((action) => command.actions?.[action]?.permission ?? command.permission)
  return needed.reduce(
    (least, each) => (mayAsk({ permission: least }, each) ? each : least),
    needed[0] ?? command.permission,
  )
}

/** What was asked lately. */
export function historyView({ say }: ViewContext, { entries = [] }: HistoryResult): View {
  if (entries.length === 0)
    return { kind: 'note', tone: 'plain', text: say('history.none'), confidential: true }
  return {
    kind: 'card',
    tone: 'plain',
    title: say('history.title'),
    confidential: true,
    lines: entries
      .slice(0, HISTORY_SHOWN_MAX)
      .map(
        (entry) =>
          `${entry.outcome === 'ok' ? '✅' : '❌'} ${formatMoment(entry.at)} **/${entry.command}${entry.action === undefined ? '' : ` ${entry.action}`}** ${entry.durationMs} ms${entry.outcome === 'ok' ? '' : ` ${code(entry.outcome)}`}`,
      ),
  }
}

/** Everything kept about somebody, as a file for them alone; or how much was erased. */
export function privacyView(context: ViewContext, result: PrivacyResult): View {
  const { say, user } = context
  if (result.erased !== undefined) {
    const count = Object.values(result.erased).reduce((sum, each) => sum + each, 0)
    return { kind: 'note', tone: 'good', text: say('privacy.deleted', { count }), confidential: true }
  }
  const kept = Object.entries(result.kept ?? {}).filter(([, items]) => items.length > 0)
  if (kept.length === 0) return { kind: 'note', tone: 'plain', text: say('privacy.none'), confidential: true }
  return {
    kind: 'card',
    tone: 'plain',
    title: say('privacy.title'),
    text: say('privacy.exported'),
    facts: kept.map(([name, items]) => ({ label: safeText(name, 60), value: String(items.length) })),
    files: [{ name: 'kizuna-privacy.json', bytes: Buffer.from(JSON.stringify(result, undefined, 2)) }],
    controls: [button(context, { does: 'erase', user, facts: [] }, say('privacy.delete'), 'danger')],
    confidential: true,
  }
}

/** Asks once more before erasing. */
export function eraseQuestionView(context: ViewContext): View {
  const { say, user } = context
  return {
    kind: 'card',
    tone: 'warning',
    title: say('privacy.title'),
    text: say('privacy.sure'),
    controls: [button(context, { does: 'eraseNow', user, facts: [] }, say('privacy.delete'), 'danger')],
    confidential: true,
  }
}

/** An invite link, for the one who asked. */
export function inviteView({ say }: ViewContext, result: { link?: string; expiresAt?: string }): View {
  return {
    kind: 'card',
    tone: 'warning',
    title: say('invite.title'),
    text: say('invite.secret', {
      time: result.expiresAt === undefined ? '?' : formatMoment(result.expiresAt),
    }),
    lines: [`\`\`\`\n${result.link ?? ''}\n\`\`\``],
    confidential: true,
  }
}
