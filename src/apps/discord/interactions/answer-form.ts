import type { APIModalSubmitInteraction } from 'discord.js'
import type { BotParts } from '../bot-parts.ts'
import { commandNamed } from '../command-surface.ts'
import { ControlRefusedError } from '../errors.ts'
import { giveCommand } from '../give-command.ts'
import type { Asked } from './answer-interaction.ts'
import { changePrefix } from './setup-wizard.ts'

/** Answers a form that was sent. */
export async function answerForm(parts: BotParts, asked: Asked<APIModalSubmitInteraction>): Promise<void> {
  const { data } = asked.interaction
  const { does } = parts.controls.read(data.custom_id, asked.ask.user)
  const fields = fieldsOf(data.components)
  switch (does) {
    case 'shareForm': {
      const name = fields.get('name')?.trim() ?? ''
      const input = { text: fields.get('text') ?? '', ...(name === '' ? {} : { name }) }
      return giveCommand(
        parts,
        { ask: asked.ask, command: commandNamed(parts.commands, 'share'), input },
        asked.answer(),
      )
    }
    case 'feedbackForm': {
      const input = { action: 'send', text: fields.get('text') ?? '' }
      return giveCommand(
        parts,
        { ask: asked.ask, command: commandNamed(parts.commands, 'feedback'), input },
        asked.answer(),
      )
    }
    case 'prefixForm':
      return changePrefix(parts, asked, (fields.get('prefix') ?? '').trim())
    default:
      throw new ControlRefusedError({ reason: 'forged' })
  }
}

/** Values by the id of their field; labels and rows around them do not matter. */
function fieldsOf(components: readonly unknown[]): Map<string, string> {
  const fields = new Map<string, string>()
  const look = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    const { custom_id, value, component, components: inner } = part as Record<string, unknown>
    if (typeof custom_id === 'string' && typeof value === 'string') fields.set(custom_id, value)
    if (component !== undefined) look(component)
    if (Array.isArray(inner)) inner.forEach(look)
  }
  components.forEach(look)
  return fields
}
