import { code, safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import { formatMoment } from '../words/format.ts'
import { plainDataView } from './plain-data-view.ts'
import type { ViewContext } from './view-context.ts'

const LINES_MAX = 10
const RESULT_LENGTH_MAX = 300
/** States of tasks that ended otherwise than well. */
const ENDED_BADLY = ['rejected', 'failed', 'expired', 'cancelled']
const ENDED_WELL = ['committed', 'verified']

interface ShownTask {
  id: string
  kind: string
  state: string
  percent: number
  note: string
  workers: readonly string[]
  result?: unknown
}

/** What `task` answers. */
export type TaskResult = { action: string } & (ShownTask | { tasks: readonly ShownTask[] })

/** A task, or several. */
export function taskView(context: ViewContext, result: TaskResult): View {
  const { say, mention } = context
  if ('tasks' in result) {
    if (result.tasks.length === 0) {
      const begin = say('task.begin', { command: `${mention('task')} \`run\`` })
      return { kind: 'note', tone: 'plain', text: `${say('task.none')} ${begin}` }
    }
    const left = result.tasks.length - LINES_MAX
    return {
      kind: 'card',
      tone: 'plain',
      title: say('task.title'),
      lines: [
        ...result.tasks
          .slice(0, LINES_MAX)
          .map((task) => `**${safeText(task.kind, 30)}** ${stateOf(task)}\n${code(task.id)}`),
        ...(left > 0 ? [say('more', { count: left })] : []),
      ],
    }
  }
  return {
    kind: 'card',
    tone: ENDED_WELL.includes(result.state) ? 'good' : ENDED_BADLY.includes(result.state) ? 'bad' : 'plain',
    title: `${say('task.title')}: ${safeText(result.kind, 30)}`,
    ...(hasEnded(result) ? {} : { text: say('task.follow', { command: `${mention('task')} \`status\`` }) }),
    facts: [
      { label: say('key'), value: code(result.id) },
      { label: say('task.state'), value: stateOf(result) },
      ...(result.workers.length === 0
        ? []
        : [{ label: say('task.workers'), value: result.workers.map((peer) => code(peer, 64)).join(' ') }]),
      ...(result.result === undefined
        ? []
        : [{ label: say('task.result'), value: code(JSON.stringify(result.result), RESULT_LENGTH_MAX) }]),
    ],
  }
}

function hasEnded({ state }: ShownTask): boolean {
  return ENDED_WELL.includes(state) || ENDED_BADLY.includes(state)
}

function stateOf({ state, percent, note }: ShownTask): string {
  return `${safeText(state, 30)} · ${percent} %${note === '' ? '' : ` · ${safeText(note, 160)}`}`
}

interface Hit {
  channel: { name: string }
  author: { name: string }
  sentAt: string
  snippet: string
  attachments: readonly string[]
}

/** What `archive` answers. */
export type ArchiveResult =
  | { action: 'start' | 'stop'; channel: { id: string; name: string } }
  | { action: 'status'; channels: readonly KeptChannel[] }
  | { action: 'search'; query: string; hits: readonly Hit[]; more: boolean }
  | { action: 'export'; path: string | null }
  | { action: 'optout' | 'optin' }

interface KeptChannel {
  name: string
  isKept: boolean
  messages: number
  activity: string | null
  trouble: string | null
}

/** What is kept, what was found, or what changed. */
export function archiveView(context: ViewContext, result: ArchiveResult): View {
  const { say } = context
  switch (result.action) {
    case 'start':
    case 'stop': {
      const channel = `**#${safeText(result.channel.name, 60)}**`
      const key = result.action === 'start' ? 'archive.started' : 'archive.stopped'
      return { kind: 'card', tone: 'good', title: say('archive.title'), text: say(key, { channel }) }
    }
    case 'status':
      return statusView(context, result.channels)
    case 'search':
      return searchView(context, result)
    case 'export': {
      const { action: _action, path, ...rest } = result
      return {
        ...plainDataView(context, say('archive.title'), rest),
        // An export that was only shared lies nowhere on the node.
        ...(path === null ? {} : { text: say('archive.exported', { path: code(path) }) }),
      }
    }
    default:
      return {
        kind: 'note',
        tone: 'good',
        text: say(result.action === 'optout' ? 'archive.optedOut' : 'archive.optedIn'),
        confidential: true,
      }
  }
}

function statusView({ say, mention }: ViewContext, channels: readonly KeptChannel[]): View {
  if (channels.length === 0) {
    const command = `${mention('archive')} \`start\``
    return { kind: 'note', tone: 'plain', text: say('archive.none', { command }) }
  }
  return {
    kind: 'card',
    tone: channels.some(({ trouble }) => trouble !== null) ? 'warning' : 'good',
    title: say('archive.title'),
    lines: channels.slice(0, LINES_MAX).map((channel) => {
      const facts = [
        say(channel.isKept ? 'archive.kept' : 'archive.ended'),
        say('archive.messages', { count: channel.messages }),
        channel.activity === null ? '' : safeText(channel.activity, 80),
      ].filter((fact) => fact !== '')
      const trouble = channel.trouble === null ? '' : `\n⚠️ ${safeText(channel.trouble, 200)}`
      return `**#${safeText(channel.name, 60)}** ${facts.join(' · ')}${trouble}`
    }),
  }
}

function searchView(
  { say }: ViewContext,
  { query, hits, more }: { query: string; hits: readonly Hit[]; more: boolean },
): View {
  if (hits.length === 0)
    return { kind: 'note', tone: 'plain', text: say('archive.noHits'), confidential: true }
  return {
    kind: 'card',
    tone: 'plain',
    title: `${say('archive.title')}: ${safeText(query, 60)}`,
    confidential: true,
    lines: [
      ...hits.slice(0, LINES_MAX).map((hit) => {
        const files = hit.attachments.length === 0 ? '' : ` 📎 ${hit.attachments.length}`
        return `**${safeText(hit.author.name, 40)}** #${safeText(hit.channel.name, 40)} ${formatMoment(hit.sentAt)}${files}\n> ${safeText(hit.snippet, 240)}`
      }),
      ...(more ? [say('archive.more')] : []),
    ],
  }
}
