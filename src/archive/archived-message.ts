/** What a place of conversation tells the archive, whatever place it is. Ids carry their source: `discord:123`. */

/** A file that came with a message. */
export interface ObservedAttachment {
  id: string
  name: string
  /** Media type as the source says; untrusted. */
  type: string
  sizeBytes: number
}

/** What a message shows besides its text: a link's preview, or what a bot said in a card. */
export interface Preview {
  title: string
  text: string
  url: string
}

/** One version of a message as it was seen. */
export interface ObservedMessage {
  channel: string
  id: string
  author: { id: string; name: string }
  /** Milliseconds since 1970. */
  sentAt: number
  /** When this version was written, if it is not the first (milliseconds since 1970). */
  editedAt?: number
  /** As people read it: names instead of numbers. */
  text: string
  /** Id of the message that it answers, in the same channel. */
  replyTo?: string
  attachments: readonly ObservedAttachment[]
  previews: readonly Preview[]
}

/** A channel as its source describes it. */
export interface ObservedChannel {
  id: string
  name: string
  /** The community where it is, such as `discord:` and a server's id. */
  group: string
  /** The channel in which it is a thread. */
  parent?: string
  /** Whether everybody in the group may read it; of a thread: everybody who may read its parent. */
  isOpen: boolean
}

/** Limits of what is taken from a source; longer text is cut, more items are left out. */
const TEXT_LENGTH_MAX = 8_000
const NAME_LENGTH_MAX = 200
const ID_LENGTH_MAX = 100
const URL_LENGTH_MAX = 2_000
const ATTACHMENTS_MAX = 20
const PREVIEWS_MAX = 10
/** The year 2200: later dates could not be put in order any more. */
const TIME_MAX = 7_258_118_400_000

/** The same message within the limits. Undefined when it has no usable id or date. */
export function boundMessage(seen: ObservedMessage): ObservedMessage | undefined {
  const isUsable = isId(seen.id) && isId(seen.channel) && isId(seen.author.id) && isTime(seen.sentAt)
  if (!isUsable) return undefined
  const { editedAt, replyTo } = seen
  return {
    channel: seen.channel,
    id: seen.id,
    author: { id: seen.author.id, name: cut(seen.author.name, NAME_LENGTH_MAX) },
    sentAt: seen.sentAt,
    text: cut(seen.text, TEXT_LENGTH_MAX),
    attachments: seen.attachments
      .filter(({ id, sizeBytes }) => isId(id) && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)
      .slice(0, ATTACHMENTS_MAX)
      .map(({ id, name, type, sizeBytes }) => ({
        id,
        name: cut(name, NAME_LENGTH_MAX),
        type: cut(type, NAME_LENGTH_MAX),
        sizeBytes,
      })),
    previews: seen.previews.slice(0, PREVIEWS_MAX).map(({ title, text, url }) => ({
      title: cut(title, NAME_LENGTH_MAX),
      text: cut(text, TEXT_LENGTH_MAX),
      url: cut(url, URL_LENGTH_MAX),
    })),
    ...(editedAt !== undefined && isTime(editedAt) ? { editedAt } : {}),
    ...(replyTo !== undefined && isId(replyTo) ? { replyTo } : {}),
  }
}

/** The same channel within the limits. */
export function boundChannel(seen: ObservedChannel): ObservedChannel {
  return { ...seen, name: cut(seen.name, NAME_LENGTH_MAX) }
}

/** Whether a text is fit for an id: printable ASCII, not too long. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && text.length <= ID_LENGTH_MAX && /^[!-~]+$/.test(text)
}

function isTime(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && value < TIME_MAX
}

/** Never in the middle of a character, and never with a half of one, which UTF-8 could not hold. */
function cut(text: string, lengthMax: number): string {
  const short = text.length <= lengthMax ? text : text.slice(0, lengthMax)
  return short.toWellFormed().replaceAll('\0', '')
}
