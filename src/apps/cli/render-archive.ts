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

/** What `archive` answers, in sentences; lists of facts for the rest. */
export function renderArchive(facts: Facts, renderFacts: (facts: Facts) => string): string {
  if (facts.action === 'search') return renderHits(facts as never)
  if (facts.action === 'status') return renderStatus(facts as never)
  return renderFacts(facts)
}

function renderHits({ hits, more, unread }: { hits: HitFacts[]; more: boolean; unread: number }): string {
  const lines = hits.map(({ channel, author, sentAt, snippet, attachments }) => {
    const when = `${sentAt.slice(0, 10)} ${sentAt.slice(11, 16)}`
    const files = attachments.length === 0 ? '' : `\n  with ${attachments.map(safeText).join(', ')}`
    return `${when}  #${safeText(channel.name)}  ${safeText(author.name)}\n  ${safeText(snippet)}${files}`
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
