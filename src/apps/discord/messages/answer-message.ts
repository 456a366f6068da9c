import { toKizunaError } from '../../../core/kizuna-error.ts'
import type { Ask } from '../ask.ts'
import type { BotParts } from '../bot-parts.ts'
import { type ShownCommand, shownCommands } from '../command-surface.ts'
import type { ContentDelivery } from '../deliver-content.ts'
import { MessageUnreadableError } from '../errors.ts'
import { giveCommand, viewContextOf } from '../give-command.ts'
import type { Attachment } from '../incoming/fetch-attachment.ts'
import { planCommand } from '../plan-command.ts'
import { errorView } from '../views/error-view.ts'
import { sayIn } from '../words/say.ts'
import { inputOfTyped, takesValue } from './input-of-typed.ts'
import { MessageAnswer } from './message-answer.ts'
import { parseTyped, textForUs } from './parse-typed.ts'

/** A message somebody wrote, as plain data. */
export interface WrittenMessage {
  id: string
  channel: string
  content: string
  attachments: readonly Attachment[]
  ask: Ask
}

/** Answers a typed command; what is not for the bot is left alone. Never throws. */
export async function answerMessage(
  parts: BotParts,
  delivery: ContentDelivery,
  message: WrittenMessage,
): Promise<void> {
  const { ask } = message
  const prefix = parts.readsMessages()
    ? (parts.guilds.of(ask.guild).prefix ?? parts.services.config.discordPrefix)
    : ''
  const text = textForUs(message.content, { prefix, bot: parts.identity().userId })
  if (text === undefined) return
  const say = sayIn(ask.locale)
  const { rest, log, look } = parts
  const place = { channel: message.channel, message: message.id, user: ask.user }
  const answer = new MessageAnswer({ rest, log, look, say }, place)
  parts.services.metrics.count('kizuna_discord_typed_commands_total')
  try {
    const all = shownCommands(parts.commands)
    // A mention alone asks what there is.
    const typed = parseTyped(text === '' ? 'help' : text, (name, flag) => takesValue(named(all, name), flag))
    const shown = named(all, typed.name)
    // With a prefix, other bots may be meant; with a mention nobody else is.
    if (shown === undefined) {
      if (prefix !== '' && message.content.trimStart().startsWith(prefix)) return
      throw new MessageUnreadableError({ reason: `there is no command “${typed.name.slice(0, 32)}”` })
    }
    if (shown.command.name === 'setup')
      throw new MessageUnreadableError({
        reason: 'the setup needs menus',
        hint: 'Give the slash command /setup.',
      })
    const [attachment] = message.attachments
    const input = inputOfTyped(shown, typed)
    const plan = planCommand(parts, delivery, { ask, shown, input, attachment })
    await giveCommand(parts, plan.given, answer)
  } catch (error) {
    const known = toKizunaError(error)
    if (known.kind === 'internal') log.error('typed command broke', { cause: error })
    await answer.fail(errorView(viewContextOf(parts, ask, say), known))
  }
}

function named(all: readonly ShownCommand[], name: string): ShownCommand | undefined {
  return all.find(({ command }) => command.name === name)
}
