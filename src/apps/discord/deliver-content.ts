import { contentKeyOf } from '../../commands/content-key.ts'
import { decodeShareLink } from '../../commands/share-link.ts'
import { code, plainText, safeText } from './answers/safe-text.ts'
import type { View } from './answers/view.ts'
import type { Ask } from './ask.ts'
import type { BotParts } from './bot-parts.ts'
import type { PresentExtra } from './give-command.ts'
import { contentButtons, folderView } from './views/content-views.ts'
import type { ViewContext } from './views/view-context.ts'
import { formatBytes } from './words/format.ts'

/** Held in memory while it is sent; what is longer gets a way to fetch it instead. */
const ATTACHMENT_BYTES_MAX = 25 * 1024 ** 2
/** Files sent at once: together they bound the memory. */
const AT_ONCE_MAX = 4
const NAME_LENGTH_MAX = 100

/** What `get` answers. */
interface GetResult {
  id: string
  kind: 'file' | 'folder'
  name: string
  sizeBytes: number
  files: { path: string; sizeBytes: number }[] | null
}

/** Brings what was asked for as an attachment, or says how to have it where Discord takes none so large. */
export class ContentDelivery {
  #sending = 0

  /** The view of a `get`. @throws what reading the content threw */
  async present(
    parts: BotParts,
    ask: Ask,
    asked: string,
    result: unknown,
    context: ViewContext,
    extra: PresentExtra,
  ): Promise<View> {
    const found = result as GetResult
    if (found.files !== null) return folderView(context, { ...found, files: found.files })
    const limit = Math.min(ask.attachmentBytesMax, ATTACHMENT_BYTES_MAX)
    if (found.sizeBytes > limit || this.#sending >= AT_ONCE_MAX) return tooLargeView(context, found, limit)
    this.#sending++
    try {
      const bytes = await readWhole(parts, asked, found, extra)
      return {
        kind: 'card',
        tone: 'good',
        title: safeText(found.name, NAME_LENGTH_MAX),
        text: `${context.say('get.attached')}\n${code(found.id)} · ${formatBytes(found.sizeBytes)}`,
        files: [{ name: fileNameOf(found.name), bytes }],
        controls: [contentButtons(context, found.id).slice(1)],
      }
    } finally {
      this.#sending--
    }
  }
}

/** Whether what is asked for was encrypted for the members: then it is shown to the asker alone. */
export function isPrivateContent({ services }: BotParts, asked: string): boolean {
  try {
    const { id, key } = decodeShareLink(asked)
    return contentKeyOf(services, id, key) !== undefined
  } catch {
    // The command itself says what is wrong with it.
    return false
  }
}

async function readWhole(
  { services }: BotParts,
  asked: string,
  found: GetResult,
  { signal, progress }: PresentExtra,
): Promise<Uint8Array> {
  const { id, key: given } = decodeShareLink(asked)
  const key = contentKeyOf(services, id, given)
  const content = await services.content.retrieve(id, {
    signal,
    timeoutMs: services.config.downloadTimeoutMs,
    reuse: true,
    ...(key === undefined ? {} : { key }),
  })
  const whole = new Uint8Array(found.sizeBytes)
  let done = 0
  for await (const piece of content.bytes) {
    if (done + piece.byteLength > whole.byteLength) throw new Error('more bytes than the content has')
    whole.set(piece, done)
    done += piece.byteLength
    progress({ phase: 'fetch', done, total: whole.byteLength, unit: 'bytes' })
  }
  if (done !== whole.byteLength) throw new Error('fewer bytes than the content has')
  return whole
}

function tooLargeView(context: ViewContext, found: GetResult, limit: number): View {
  const { say } = context
  return {
    kind: 'card',
    tone: 'plain',
    title: safeText(found.name, NAME_LENGTH_MAX),
    text: say('get.tooLarge', { size: formatBytes(found.sizeBytes), limit: formatBytes(limit) }),
    lines: [`\`\`\`\nkizuna get ${found.id}\n\`\`\``],
    controls: [contentButtons(context, found.id).slice(1)],
  }
}

/** A name that Discord and every system take. Discord keeps letters, digits and `-_.` only. */
export function fileNameOf(name: string): string {
  const clean = plainText(name, NAME_LENGTH_MAX)
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '_')
    .replace(/^[._]+/, '')
  return clean === '' ? 'file' : clean
}
