import {
  type APIActionRowComponent,
  type APIComponentInMessageActionRow,
  type APIEmbed,
  type APIMessageTopLevelComponent,
  type APIModalInteractionResponseCallbackData,
  ButtonStyle,
  ComponentType,
  MessageFlags,
  SelectMenuDefaultValueType,
  TextInputStyle,
} from 'discord.js'
import { clip } from './safe-text.ts'
import { CARD_LENGTH_MAX, CONTENT_LENGTH_MAX, splitText } from './split-text.ts'
import type { FormView, View, ViewControl } from './view.ts'

/** How cards look: Discord's newer components, embeds, or text only. */
export type Look = 'cards' | 'embeds' | 'plain'

/** A message as Discord takes it; the same for callbacks, webhooks and channels. */
export interface MessageBody {
  content?: string
  embeds?: APIEmbed[]
  components?: APIMessageTopLevelComponent[]
  flags?: number
  allowed_mentions: { parse: [] }
  attachments?: { id: string; filename: string }[]
}

/** Nobody is ever notified by what we say. */
const NO_MENTIONS = { parse: [] as [] } satisfies MessageBody['allowed_mentions']
const COLOURS = { plain: 0x5865f2, good: 0x2d7d46, warning: 0xc27c0e, bad: 0xb3261e } as const
const STYLES = {
  main: ButtonStyle.Primary,
  plain: ButtonStyle.Secondary,
  danger: ButtonStyle.Danger,
} as const
/** Discord's limits. */
const LABEL_LENGTH_MAX = 80
const OPTION_LENGTH_MAX = 100
const PLACEHOLDER_LENGTH_MAX = 150
const ROWS_MAX = 5
/** All texts of an embed together, and what of it is left for the description. */
const EMBED_LENGTH_MAX = 6_000
const EMBED_TEXT_ROOM = 4_000
const EMBED_FIELDS_MAX = 25
const MODAL_TITLE_LENGTH_MAX = 45
const FORM_LABEL_LENGTH_MAX = 45

/**
 * A view as one message or, when it is a long note, several.
 * @param asCard true where an earlier version of the same message was a card of the newer kind: it stays one.
 */
export function renderMessage(view: View, look: Look, asCard = false): MessageBody[] {
  const files = view.files?.map((file, index) => ({ id: String(index), filename: file.name })) ?? []
  const attachments = files.length === 0 ? {} : { attachments: files }
  if (asCard || (look === 'cards' && view.kind === 'card')) return [{ ...cardOf(view), ...attachments }]
  const rows = rowsOf(view)
  const components = rows.length === 0 ? {} : { components: rows }
  if (look === 'embeds' && view.kind === 'card')
    return [{ embeds: [embedOf(view)], ...components, ...attachments, allowed_mentions: NO_MENTIONS }]
  const parts = splitText(textOf(view), CONTENT_LENGTH_MAX)
  return parts.map((content, index) => ({
    content,
    ...(index === parts.length - 1 ? { ...components, ...attachments } : {}),
    allowed_mentions: NO_MENTIONS,
  }))
}

/** Whether a body is of the newer kind, which a message never stops being. */
export function isCardBody(body: MessageBody): boolean {
  return ((body.flags ?? 0) & MessageFlags.IsComponentsV2) !== 0
}

/** A form. */
export function renderForm(form: FormView): APIModalInteractionResponseCallbackData {
  return {
    custom_id: form.id,
    title: clip(form.title, MODAL_TITLE_LENGTH_MAX),
    components: form.fields.map((field) => ({
      type: ComponentType.Label,
      label: clip(field.label, FORM_LABEL_LENGTH_MAX),
      ...(field.hint === undefined ? {} : { description: clip(field.hint, OPTION_LENGTH_MAX) }),
      component: {
        type: ComponentType.TextInput,
        custom_id: field.id,
        style: field.long ? TextInputStyle.Paragraph : TextInputStyle.Short,
        required: field.required,
        max_length: field.lengthMax,
        ...(field.value === undefined ? {} : { value: field.value }),
      },
    })),
  }
}

function cardOf(view: View): MessageBody {
  const text = clip(textOf(view), CARD_LENGTH_MAX)
  return {
    flags: MessageFlags.IsComponentsV2,
    components: [
      {
        type: ComponentType.Container,
        accent_color: COLOURS[view.tone],
        components: [
          { type: ComponentType.TextDisplay, content: text === '' ? '…' : text },
          ...rowsOf(view),
          ...(view.files ?? []).map(({ name }) => ({
            type: ComponentType.File as const,
            file: { url: `attachment://${name}` },
          })),
        ],
      },
    ],
    allowed_mentions: NO_MENTIONS,
  }
}

function embedOf(view: View): APIEmbed {
  const { title, facts = [], ...rest } = view
  const shownTitle = title === undefined ? undefined : clip(title, 256)
  const fields: { name: string; value: string; inline: boolean }[] = []
  let room = EMBED_LENGTH_MAX - (shownTitle?.length ?? 0) - EMBED_TEXT_ROOM
  for (const { label, value } of facts.slice(0, EMBED_FIELDS_MAX)) {
    const field = { name: clip(label, 256), value: clip(value, 1_024), inline: true }
    room -= field.name.length + field.value.length
    if (room < 0) break
    fields.push(field)
  }
  return {
    color: COLOURS[view.tone],
    ...(shownTitle === undefined ? {} : { title: shownTitle }),
    description: clip(textOf(rest), EMBED_TEXT_ROOM),
    ...(fields.length === 0 ? {} : { fields }),
  }
}

function textOf(view: Omit<View, 'controls'>): string {
  return [
    view.title === undefined
      ? ''
      : `${view.kind === 'card' ? '### ' : '**'}${view.title}${view.kind === 'card' ? '' : '**'}`,
    view.text ?? '',
    (view.facts ?? []).map(({ label, value }) => `**${label}** ${value}`).join('\n'),
    (view.lines ?? []).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function rowsOf({ controls }: View): APIActionRowComponent<APIComponentInMessageActionRow>[] {
  return (controls ?? [])
    .filter((row) => row.length > 0)
    .slice(0, ROWS_MAX)
    .map((row) => ({ type: ComponentType.ActionRow, components: row.map(renderControl) }))
}

function renderControl(control: ViewControl): APIComponentInMessageActionRow {
  switch (control.kind) {
    case 'button':
      return {
        type: ComponentType.Button,
        style: STYLES[control.style],
        label: clip(control.label, LABEL_LENGTH_MAX),
        custom_id: control.id,
        ...(control.disabled === true ? { disabled: true } : {}),
      }
    case 'link':
      return {
        type: ComponentType.Button,
        style: ButtonStyle.Link,
        label: clip(control.label, LABEL_LENGTH_MAX),
        url: control.url,
      }
    case 'choice':
      return {
        type: ComponentType.StringSelect,
        custom_id: control.id,
        placeholder: clip(control.placeholder, PLACEHOLDER_LENGTH_MAX),
        min_values: control.least ?? 1,
        max_values: control.most ?? 1,
        options: control.options.slice(0, 25).map((option) => ({
          label: clip(option.label, OPTION_LENGTH_MAX),
          value: option.value,
          ...(option.description === undefined
            ? {}
            : { description: clip(option.description, OPTION_LENGTH_MAX) }),
          ...(option.chosen === true ? { default: true } : {}),
        })),
      }
    case 'roles':
      return {
        type: ComponentType.RoleSelect,
        custom_id: control.id,
        placeholder: clip(control.placeholder, PLACEHOLDER_LENGTH_MAX),
        min_values: 0,
        max_values: control.most,
        default_values: control.chosen.map((id) => ({ id, type: SelectMenuDefaultValueType.Role })),
      }
    case 'channel':
      return {
        type: ComponentType.ChannelSelect,
        custom_id: control.id,
        placeholder: clip(control.placeholder, PLACEHOLDER_LENGTH_MAX),
        min_values: 0,
        max_values: control.most,
        channel_types: [0, 5],
        default_values: control.chosen.map((id) => ({ id, type: SelectMenuDefaultValueType.Channel })),
      }
  }
}
