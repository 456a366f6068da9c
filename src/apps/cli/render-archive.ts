import { formatMoment } from './format-numbers.ts'
import { renderFacts } from './render-facts.ts'
import { safeText } from './terminal.ts'

type Facts = Record<string, unknown>

interface ChannelFacts {
  name: string
  isKept: boolean
  isComplete: boolean
  messages: number
  threads: number
  activity: string | null
  trouble: string | null
}

interface HitFacts {
  channel: { name: string }
  author: { name: string }
  sentAt: string
  snippet: string
  attachments: string[]
}

/** What `archive` answers, in sentences. */
export function renderArchive(facts: Facts): string {
  switch (facts.action) {
    case 'search':
      return renderHits(facts as never)
    case 'status':
      return renderStatus(facts as never)
    case 'start': {
      const erases = facts.deletions === 'erase' ? ' What is deleted there is erased here, too.' : ''
      return `${channelOf(facts)} is kept from now on, and what was said before is read.${erases}\n\`kizuna archive status\` shows how far it has come.`
    }
    case 'stop':
      return `Nothing more of ${channelOf(facts)} is kept. What is kept stays.`
    case 'export':
      return renderExport(facts as never)
    case 'optout': {
      const erased = Number(facts.erased) > 0 ? ` ${facts.erased} messages are erased.` : ''
      return `Nothing that ${safeText(String(facts.person))} says is kept from now on.${erased}`
    }
    case 'optin':
      return `What ${safeText(String(facts.person))} says is kept again from now on.`
    default:
      return renderFacts(facts)
  }
}

function channelOf({ channel }: Facts): string {
  return `#${safeText((channel as { name: string }).name)}`
}

function renderExport(facts: {
  path: string | null
  channels: number
  messages: number
  attachments: { written: number; missing: number }
  unread: number
  link?: string
}): string {
  const { path, channels, messages, attachments, unread, link } = facts
  const missing = attachments.missing === 0 ? '' : `, ${attachments.missing} attachments could not be had`
  return [
    `${messages} messages of ${channels} channels with ${attachments.written} attachments${missing}.`,
    ...(path === null ? [] : [`In ${safeText(path)}; begin with index.html there.`]),
    ...(link === undefined ? [] : [`Shared with the space: ${safeText(link)}`]),
    ...(unread === 0
      ? []
      : [`${unread} parts of the archive could not be read yet; export again to have them.`]),
  ].join('\n')
}

function renderHits({ hits, more, unread }: { hits: HitFacts[]; more: boolean; unread: number }): string {
  const lines = hits.map(({ channel, author, sentAt, snippet, attachments }) => {
    const files = attachments.length === 0 ? '' : `\n  with ${attachments.map(safeText).join(', ')}`
    return `${formatMoment(sentAt)}  #${safeText(channel.name)}  ${safeText(author.name)}\n  ${safeText(snippet)}${files}`
  })
  if (hits.length === 0) lines.push('Nothing that you may see has all of these words.')
  if (more) lines.push('… there are more; --offset shows them, --to looks further back.')
  if (unread > 0) lines.push(`${unread} parts of the archive could not be read yet; ask again for them.`)
  return lines.join('\n')
}

function renderStatus(facts: {
  channels: ChannelFacts[]
  messages: number
  attachments: { kept: number; waiting: number; failed: number }
  segments: { published: number; waiting: number; toRead: number }
}): string {
  if (facts.channels.length === 0)
    return 'No channel is kept. `/archive start` on Discord begins, or `kizuna archive start --channel ID` at the bot’s node.'
  const { attachments, segments } = facts
  return [
    ...facts.channels.map((channel) => {
      const threads = channel.threads === 0 ? '' : `, ${channel.threads} threads`
      const past = channel.isComplete ? 'complete' : 'not yet complete'
      const now =
        channel.trouble ?? (channel.isKept ? (channel.activity ?? 'no bot is connected here') : 'stopped')
      return `#${safeText(channel.name)}: ${channel.messages} messages${threads}, ${past}; ${safeText(now)}`
    }),
    `attachments: ${attachments.kept} kept, ${attachments.waiting} waited for, ${attachments.failed} could not be had`,
    `in the space: ${segments.published} segments, ${segments.waiting} with news that is not there yet, ${segments.toRead} of others to read`,
  ].join('\n')
}
