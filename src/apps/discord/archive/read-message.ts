import type { APIEmbed, APIMessage, APIMessageSnapshot } from 'discord.js'
import type { ObservedMessage, Preview } from '../../../archive/archived-message.ts'
import { archiveIdOf } from './discord-ids.ts'

/** Finds the name of a channel or role, where it is known. */
export type NameOf = (id: string) => string | undefined

/**
 * A message as Discord sends it, by REST or by its gateway, in the archive's form: names instead of numbers, cards as
 * previews. Undefined for what is no whole message (the gateway tells of a link's preview alone, too).
 */
export function readMessage(raw: APIMessage, nameOf: NameOf): ObservedMessage | undefined {
  const { id, author, channel_id: channel, timestamp } = raw
  const sentAt = Date.parse(timestamp ?? '')
  if (typeof id !== 'string' || typeof author?.id !== 'string' || typeof raw.content !== 'string')
    return undefined
  if (Number.isNaN(sentAt)) return undefined
  const editedAt = raw.edited_timestamp === null ? Number.NaN : Date.parse(raw.edited_timestamp ?? '')
  const replyTo = raw.message_reference?.message_id
  const isAnswer = replyTo !== undefined && raw.message_reference?.channel_id === channel && !isForwarded(raw)
  return {
    channel: archiveIdOf(channel),
    id,
    author: { id: archiveIdOf(author.id), name: nameOfAuthor(raw) },
    sentAt,
    ...(Number.isNaN(editedAt) ? {} : { editedAt }),
    text: textOf(raw, nameOf),
    ...(isAnswer ? { replyTo } : {}),
    attachments: [raw, ...snapshotsOf(raw)].flatMap(({ attachments }) =>
      (attachments ?? []).map((each) => ({
        id: each.id,
        name: each.title ?? each.filename,
        type: each.content_type ?? 'application/octet-stream',
        sizeBytes: each.size,
      })),
    ),
    previews: [raw, ...snapshotsOf(raw)].flatMap(({ embeds }) => (embeds ?? []).map(previewOf)),
  }
}

/** The links of a message's attachments, by the attachment's id. They expire within a day. */
export function linksOf(raw: APIMessage): [string, string][] {
  return [raw, ...snapshotsOf(raw)].flatMap(({ attachments }) =>
    (attachments ?? []).map(({ id, url }): [string, string] => [id, url]),
  )
}

function nameOfAuthor({ author, member }: APIMessage & { member?: { nick?: string | null } }): string {
  return member?.nick ?? author.global_name ?? author.username ?? ''
}

/** What people read: also stickers and polls have words, and a forwarded message has those of another. */
function textOf(raw: APIMessage, nameOf: NameOf): string {
  const parts = [
    readable(raw.content, raw, nameOf),
    ...snapshotsOf(raw).map(({ content }) => `[forwarded] ${readable(content ?? '', raw, nameOf)}`),
    ...(raw.sticker_items ?? []).map(({ name }) => `[sticker: ${name}]`),
    ...pollOf(raw),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

/** Mentions and emojis by their names, so that they can be read, and found, without Discord. */
function readable(text: string, raw: APIMessage, nameOf: NameOf): string {
  const people = new Map((raw.mentions ?? []).map((user) => [user.id, user.global_name ?? user.username]))
  return text
    .replaceAll(/<@!?(\d+)>/g, (whole, id: string) => nameIn(people.get(id), '@', whole))
    .replaceAll(/<@&(\d+)>/g, (whole, id: string) => nameIn(nameOf(id), '@', whole))
    .replaceAll(/<#(\d+)>/g, (whole, id: string) => nameIn(nameOf(id), '#', whole))
    .replaceAll(/<a?(:\w+:)\d+>/g, '$1')
}

function nameIn(name: string | undefined, sign: string, otherwise: string): string {
  return name === undefined ? otherwise : `${sign}${name}`
}

function pollOf({ poll }: APIMessage): string[] {
  if (poll === undefined) return []
  const answers = poll.answers.map(({ poll_media }) => `- ${poll_media.text ?? ''}`)
  return [`[poll] ${poll.question.text ?? ''}`, ...answers]
}

function previewOf(embed: APIEmbed): Preview {
  const fields = (embed.fields ?? []).map(({ name, value }) => `${name}: ${value}`)
  const text = [embed.author?.name, embed.description, ...fields, embed.footer?.text]
  return {
    title: embed.title ?? '',
    text: text.filter((part) => part !== undefined && part !== '').join('\n'),
    url: embed.url ?? '',
  }
}

function isForwarded(raw: APIMessage): boolean {
  return (raw.message_snapshots?.length ?? 0) > 0
}

function snapshotsOf(raw: APIMessage): APIMessageSnapshot['message'][] {
  return (raw.message_snapshots ?? []).map(({ message }) => message)
}
