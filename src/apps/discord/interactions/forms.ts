import type { FormView } from '../answers/view.ts'
import type { Ask } from '../ask.ts'
import type { BotParts } from '../bot-parts.ts'
import { sayIn } from '../words/say.ts'

/** Discord's longest field. */
const TEXT_LENGTH_MAX = 4_000
const FEEDBACK_LENGTH_MAX = 2_000
const NAME_LENGTH_MAX = 100
const PREFIX_LENGTH_MAX = 5

/** Asks for a text to share. */
export function shareForm(parts: BotParts, ask: Ask): FormView {
  const say = sayIn(ask.locale)
  return {
    id: formId(parts, ask, 'shareForm'),
    title: say('share.form'),
    fields: [
      { id: 'text', label: say('share.formText'), long: true, required: true, lengthMax: TEXT_LENGTH_MAX },
      {
        id: 'name',
        label: say('share.formName'),
        hint: say('share.formNameHint'),
        long: false,
        required: false,
        lengthMax: NAME_LENGTH_MAX,
      },
    ],
  }
}

/** Asks for a word to the owner. */
export function feedbackForm(parts: BotParts, ask: Ask): FormView {
  const say = sayIn(ask.locale)
  return {
    id: formId(parts, ask, 'feedbackForm'),
    title: say('feedback.title'),
    fields: [
      {
        id: 'text',
        label: say('feedback.formText'),
        long: true,
        required: true,
        lengthMax: FEEDBACK_LENGTH_MAX,
      },
    ],
  }
}

/** Asks for the prefix of typed commands. */
export function prefixForm(parts: BotParts, ask: Ask, now: string): FormView {
  const say = sayIn(ask.locale)
  return {
    id: formId(parts, ask, 'prefixForm'),
    title: say('setup.prefix'),
    fields: [
      {
        id: 'prefix',
        label: say('setup.prefix'),
        long: false,
        required: true,
        lengthMax: PREFIX_LENGTH_MAX,
        value: now,
      },
    ],
  }
}

function formId({ controls }: BotParts, { user }: Ask, does: string): string {
  const id = controls.make({ does, user, facts: [] })
  if (id === undefined) throw new Error('the id of a form is too long')
  return id
}
