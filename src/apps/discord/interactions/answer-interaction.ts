import { type APIInteraction, InteractionResponseType, InteractionType } from 'discord.js'
import { toKizunaError } from '../../../core/kizuna-error.ts'
import type { Ask } from '../ask.ts'
import type { BotParts } from '../bot-parts.ts'
import type { ContentDelivery } from '../deliver-content.ts'
import { viewContextOf } from '../give-command.ts'
import { errorView } from '../views/error-view.ts'
import { sayIn } from '../words/say.ts'
import { answerAutocomplete } from './answer-autocomplete.ts'
import { answerCommand } from './answer-command.ts'
import { answerControl } from './answer-control.ts'
import { answerForm } from './answer-form.ts'
import { askOfInteraction } from './ask-of-interaction.ts'
import { type AnswerMode, InteractionAnswer, type SendCallback } from './interaction-answer.ts'

/** What answering needs besides the parts of the bot. */
export interface InteractionPlace {
  sendCallback: SendCallback
  delivery: ContentDelivery
}

/** One interaction being answered. */
export interface Asked<Interaction extends APIInteraction = APIInteraction> {
  interaction: Interaction
  ask: Ask
  delivery: ContentDelivery
  /** The answer, of the kind that is wanted; only the first call decides. */
  answer: (mode?: AnswerMode) => InteractionAnswer
  /** Answers completions. */
  sendChoices: (choices: { name: string; value: string }[]) => Promise<void>
}

/** Answers any interaction, whatever way it came. Never throws: an interaction is never left unanswered by a defect. */
export async function answerInteraction(
  parts: BotParts,
  interaction: APIInteraction,
  { sendCallback, delivery }: InteractionPlace,
): Promise<void> {
  const { clock, random, metrics } = parts.services
  const startedAt = clock.monotonic()
  const ask = askOfInteraction(interaction)
  const say = sayIn(ask.locale)
  let made: InteractionAnswer | undefined
  const answer = (mode: AnswerMode = 'new') => {
    const send: SendCallback = async (to, body) => {
      await sendCallback(to, body)
      metrics.observeSeconds('kizuna_discord_first_answer_seconds', (clock.monotonic() - startedAt) / 1000)
    }
    const { webhooks, rest, log, look, stopping, lateAnswers } = parts
    const mayAnswerLate = () => lateAnswers.tryTake(1) === 0
    made ??= new InteractionAnswer(
      { sendCallback: send, webhooks, rest, clock, random, log, look, say, stopping, mayAnswerLate },
      interaction,
      mode,
    )
    return made
  }
  const sendChoices = (choices: { name: string; value: string }[]) =>
    sendCallback(interaction, {
      type: InteractionResponseType.ApplicationCommandAutocompleteResult,
      data: { choices },
    })
  const common = { ask, delivery, answer, sendChoices }
  metrics.count('kizuna_discord_interactions_total', { type: String(interaction.type) })
  try {
    switch (interaction.type) {
      case InteractionType.ApplicationCommand:
        return await answerCommand(parts, { ...common, interaction })
      case InteractionType.ApplicationCommandAutocomplete:
        return await answerAutocomplete(parts, { ...common, interaction })
      case InteractionType.MessageComponent:
        return await answerControl(parts, { ...common, interaction })
      case InteractionType.ModalSubmit:
        return await answerForm(parts, { ...common, interaction })
      default:
        return
    }
  } catch (error) {
    const known = toKizunaError(error)
    if (known.kind === 'internal')
      parts.log.error('interaction broke', { type: interaction.type, cause: error })
    if (interaction.type === InteractionType.ApplicationCommandAutocomplete) return
    await answer().fail(errorView(viewContextOf(parts, ask, say), known))
  }
}
