import { type APIApplicationCommandInteraction, ApplicationCommandType } from 'discord.js'
import type { BotParts } from '../bot-parts.ts'
import { shownCommands } from '../command-surface.ts'
import { MessageUnreadableError } from '../errors.ts'
import { giveCommand } from '../give-command.ts'
import { planCommand } from '../plan-command.ts'
import { MENU } from '../registration/build-registration.ts'
import { readOptions } from '../registration/read-options.ts'
import type { Asked } from './answer-interaction.ts'
import { openWizard } from './setup-wizard.ts'
import { storeMessage } from './store-message.ts'
import { verifyFile } from './verify-file.ts'

/** Answers a slash command, or an entry of a message's menu. */
export async function answerCommand(
  parts: BotParts,
  asked: Asked<APIApplicationCommandInteraction>,
): Promise<void> {
  const { data } = asked.interaction
  if (data.type === ApplicationCommandType.Message) {
    const message = data.resolved.messages[data.target_id]
    if (message === undefined) throw new MessageUnreadableError({ reason: 'the message is not there' })
    return data.name === MENU.store ? storeMessage(parts, asked, message) : verifyFile(parts, asked, message)
  }
  const shown = shownCommands(parts.commands).find(({ command }) => command.name === data.name)
  if (shown === undefined || data.type !== ApplicationCommandType.ChatInput)
    throw new MessageUnreadableError({ reason: `there is no command “${data.name}” any more` })
  if (shown.command.name === 'setup') return openWizard(parts, asked, shown.command)
  const { input, attachment } = readOptions(data, shown)
  const plan = planCommand(parts, asked.delivery, { ask: asked.ask, shown, input, attachment })
  if (plan.form !== undefined) return asked.answer().ask(plan.form)
  await giveCommand(parts, plan.given, asked.answer())
}
