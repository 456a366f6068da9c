import type { APIMessage } from 'discord.js'
import type { Archive } from '../../../archive/archive.ts'
import type { CheckpointChange } from '../../../archive/channels.ts'
import { type ArchiveRest, PAGE, type PagePlace } from './archive-rest.ts'
import type { AttachmentLinks } from './attachment-links.ts'
import { isLater, laterOf } from './discord-ids.ts'
import { type NameOf, readMessage } from './read-message.ts'

/** Pages before the checkpoint that are read again at the start, for edits and deletions while the bot was away. */
const PAGES_READ_AGAIN = 2
/** Discord's first id; everything comes after it. */
const BEGINNING = '0'

/** What reading a channel's past needs. */
export interface HistoryParts {
  archive: Archive
  rest: ArchiveRest
  links: AttachmentLinks
  nameOf: NameOf
  /** @throws ChannelUnreadableError when the channel may not be read now. */
  demandReadable: () => void
  /** Whether a message was deleted a moment ago, perhaps after the page with it was made. */
  wasJustDeleted: (id: string) => boolean
}

/**
 * Brings a channel up to date: what was said since the checkpoint, and what changed shortly before it. Afterwards
 * everything up to now is kept, as long as its events are heard.
 */
export async function catchUp(parts: HistoryParts, channel: string, signal: AbortSignal): Promise<void> {
  const { newest } = parts.archive.checkpoint(channel)
  if (newest === undefined) {
    const page = await readPage(parts, channel, undefined, signal)
    const change: CheckpointChange = {
      newest: page.at(-1)?.id ?? BEGINNING,
      isComplete: page.length < PAGE,
      ...(page[0] === undefined ? {} : { oldest: page[0].id }),
    }
    take(parts, channel, page, change)
    return
  }
  await readAgain(parts, channel, newest, signal)
  for (let after = newest; ; ) {
    const page = await readPage(parts, channel, { after }, signal)
    const last = page.at(-1)
    if (last !== undefined) {
      after = laterOf(after, last.id)
      take(parts, channel, page, { newest: after })
    }
    if (page.length < PAGE) return
  }
}

/** Reads what was said before the checkpoint, page by page to the beginning; each page moves the checkpoint. */
export async function readBack(parts: HistoryParts, channel: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { oldest, isComplete } = parts.archive.checkpoint(channel)
    if (isComplete || oldest === undefined) return
    const page = await readPage(parts, channel, { before: oldest }, signal)
    const isLast = page.length < PAGE
    const first = page[0]
    take(parts, channel, page, { isComplete: isLast, ...(first === undefined ? {} : { oldest: first.id }) })
  }
}

async function readAgain(
  parts: HistoryParts,
  channel: string,
  newest: string,
  signal: AbortSignal,
): Promise<void> {
  let before = String(BigInt(newest) + 1n)
  for (let count = 0; count < PAGES_READ_AGAIN; count++) {
    const page = await readPage(parts, channel, { before }, signal)
    take(parts, channel, page, {})
    noteMissing(parts, channel, page)
    const first = page[0]
    if (page.length < PAGE || first === undefined) return
    before = first.id
  }
}

/** What is known between the first and the last message of a page, and not in it, was deleted. */
function noteMissing({ archive }: HistoryParts, channel: string, page: readonly APIMessage[]): void {
  const [first, last] = [page[0], page.at(-1)]
  if (first === undefined || last === undefined) return
  const there = new Set(page.map(({ id }) => id))
  const known = archive.knownBetween(channel, Date.parse(first.timestamp) - 1, Date.parse(last.timestamp) + 1)
  const missing = known.filter((id) => !there.has(id) && isLater(id, first.id) && isLater(last.id, id))
  if (missing.length > 0) archive.seeDeleted(channel, missing)
}

async function readPage(
  { rest, demandReadable }: HistoryParts,
  channel: string,
  place: PagePlace,
  signal: AbortSignal,
): Promise<APIMessage[]> {
  const page = await rest.page(channel, place, signal)
  // After the answer: without the right to read the past Discord gives an empty page, which must not pass for the end.
  demandReadable()
  return page
}

function take(
  { archive, links, nameOf, wasJustDeleted }: HistoryParts,
  channel: string,
  page: readonly APIMessage[],
  change: CheckpointChange,
): void {
  const there = page.filter(({ id }) => !wasJustDeleted(id))
  for (const message of there) links.remember(message)
  archive.see(
    there.flatMap((message) => readMessage(message, nameOf) ?? []),
    { channel, change },
  )
}
