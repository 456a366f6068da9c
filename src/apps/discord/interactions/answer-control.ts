import { type APIMessageComponentInteraction, ComponentType } from 'discord.js'
import type { BotParts } from '../bot-parts.ts'
import { commandNamed } from '../command-surface.ts'
import type { Control } from '../control-id.ts'
import { ControlRefusedError } from '../errors.ts'
import { type GivenCommand, giveCommand, viewContextOf } from '../give-command.ts'
import { planGet } from '../plan-command.ts'
import { PAGE_SIZE } from '../views/content-views.ts'
import { eraseQuestionView } from '../views/person-views.ts'
import { sayIn } from '../words/say.ts'
import type { Asked } from './answer-interaction.ts'
import { changeSetup } from './setup-wizard.ts'

/** Answers a button that was pressed, or a menu in which something was chosen. */
export async function answerControl(
  parts: BotParts,
  asked: Asked<APIMessageComponentInteraction>,
): Promise<void> {
  const { data } = asked.interaction
  const control = parts.controls.read(data.custom_id, asked.ask.user)
  const values = data.component_type === ComponentType.Button ? [] : data.values
  const [first = ''] = control.facts
  switch (control.does) {
    case 'get':
    case 'pick': {
      const input = { id: control.does === 'get' ? first : (values[0] ?? '') }
      const given = { ask: asked.ask, command: commandNamed(parts.commands, 'get'), input }
      return giveCommand(parts, planGet(parts, asked.delivery, given), asked.answer())
    }
    case 'describe':
    case 'keep':
      return giveCommand(parts, commandOf(parts, asked, control.does, { id: first }), asked.answer())
    case 'page':
      return giveCommand(parts, commandOf(parts, asked, 'list', pageOf(control)), asked.answer('update'))
    case 'erase':
      return asked.answer('update').finish({
        ...eraseQuestionView(viewContextOf(parts, asked.ask, sayIn(asked.ask.locale))),
        // It is shown in the place of what was there, which only the asker sees.
        confidential: false,
      })
    case 'eraseNow':
      return giveCommand(
        parts,
        commandOf(parts, asked, 'privacy', { action: 'delete', confirm: true }),
        asked.answer(),
      )
    case 'setup':
      return changeSetup(parts, asked, first, values)
    default:
      throw new ControlRefusedError({ reason: 'forged' })
  }
}

function commandOf(
  parts: BotParts,
  { ask }: Asked,
  name: string,
  input: Record<string, unknown>,
): GivenCommand {
  return { ask, command: commandNamed(parts.commands, name), input }
}

function pageOf({ facts }: Control): Record<string, unknown> {
  const [offset = '0', mine = '0', filter = ''] = facts
  const name = Buffer.from(filter, 'base64url').toString()
  return {
    offset: Number(offset),
    limit: PAGE_SIZE,
    mine: mine === '1',
    ...(name === '' ? {} : { name }),
  }
}
