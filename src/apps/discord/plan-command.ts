import { mayAsk } from '../../commands/gates/permit.ts'
import type { FormView, View } from './answers/view.ts'
import { type Ask, permissionOf } from './ask.ts'
import { type BotParts, standingOf } from './bot-parts.ts'
import { type ShownCommand, shownCommands } from './command-surface.ts'
import type { ContentDelivery } from './deliver-content.ts'
import { isPrivateContent } from './deliver-content.ts'
import { placeFindings } from './doctor-here.ts'
import type { GivenCommand } from './give-command.ts'
import type { Attachment } from './incoming/fetch-attachment.ts'
import { feedbackForm, shareForm } from './interactions/forms.ts'
import { PAGE_SIZE } from './views/content-views.ts'
import { type DoctorResult, doctorView } from './views/node-views.ts'
import { helpView } from './views/person-views.ts'
import { sayIn } from './words/say.ts'

/** What somebody gave, before it is decided what is done with it. */
export interface Wish {
  ask: Ask
  shown: ShownCommand
  input: Readonly<Record<string, unknown>>
  attachment?: Attachment | undefined
}

/** What is done: a command is given, or a form is shown first. */
export interface Plan {
  given: GivenCommand
  /** Where forms exist, this comes first. */
  form?: FormView
}

/** What Discord adds to a command: bytes of an attachment, pages, files to take away. The same for all ways of asking. */
export function planCommand(parts: BotParts, delivery: ContentDelivery, wish: Wish): Plan {
  const { ask, shown, input } = wish
  const given: GivenCommand = { ask, command: shown.command, input }
  switch (shown.command.name) {
    case 'share':
      return planShare(parts, wish, given)
    case 'get':
      return { given: planGet(parts, delivery, given) }
    case 'list':
      return { given: { ...given, input: { limit: PAGE_SIZE, ...input } } }
    case 'help':
      return { given: planHelp(parts, given) }
    case 'doctor':
      return { given: planDoctor(parts, given) }
    case 'archive':
      return { given: { ...given, input: inThisChannel(ask, input) } }
    case 'feedback':
      return input.text === undefined && input.action === 'send'
        ? { given, form: feedbackForm(parts, ask) }
        : { given }
    default:
      return { given }
  }
}

/** How a `get` is given: as an attachment, and for the asker alone when it is private. */
export function planGet(parts: BotParts, delivery: ContentDelivery, given: GivenCommand): GivenCommand {
  const asked = String(given.input.id ?? '')
  return {
    ...given,
    confidential: isPrivateContent(parts, asked),
    present: (result, context, extra) => delivery.present(parts, given.ask, asked, result, context, extra),
  }
}

function planShare(parts: BotParts, { ask, input, attachment }: Wish, given: GivenCommand): Plan {
  if (attachment !== undefined) {
    return {
      given: {
        ...given,
        input: { name: attachment.name, ...input },
        body: (signal) => parts.attachments(attachment, signal),
      },
    }
  }
  const isEmpty = input.text === undefined && input.url === undefined
  return isEmpty ? { given, form: shareForm(parts, ask) } : { given }
}

/** To keep a channel, and to stop, means the one where it is said, unless another is named. */
function inThisChannel(ask: Ask, input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isMeant = input.action === 'start' || input.action === 'stop'
  return isMeant && input.channel === undefined && ask.channel !== undefined
    ? { ...input, channel: ask.channel }
    : { ...input }
}

function planHelp(parts: BotParts, given: GivenCommand): GivenCommand {
  const name = given.input.command === undefined ? undefined : String(given.input.command).replace(/^\//, '')
  return {
    ...given,
    input: name === undefined ? {} : { command: name },
    present: (_result, context): View =>
      helpView(
        context,
        shownCommands(parts.commands),
        permissionOf(given.ask, standingOf(parts, given.ask)),
        name,
      ),
  }
}

function planDoctor(parts: BotParts, given: GivenCommand): GivenCommand {
  if (given.input.id !== undefined) return given
  return {
    ...given,
    present: (result, context): View => {
      const isManager = mayAsk(
        { permission: permissionOf(given.ask, standingOf(parts, given.ask)) },
        'member',
      )
      const here = isManager ? placeFindings(parts, given.ask, sayIn(given.ask.locale)) : []
      return doctorView(context, result as DoctorResult, here)
    },
  }
}
