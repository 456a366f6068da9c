import { clip, code, plainText, safeText } from '../answers/safe-text.ts'
import type { View, ViewControl } from '../answers/view.ts'
import { formatBytes, formatMoment } from '../words/format.ts'
import type { Say } from '../words/say.ts'
import { button, type ViewContext } from './view-context.ts'

/** Entries on one page of a list. */
export const PAGE_SIZE = 10
/** A filter longer than this does not fit into the id of a button. */
const FILTER_LENGTH_MAX = 24
const FOLDER_LINES_MAX = 20

/** What `share` answers. */
export interface SharedResult {
  id: string
  name: string
  sizeBytes: number
  copies: number
  policy: string
  acknowledged: 'local' | 'replicated'
  private: boolean
}

/** What `list` answers. */
export interface ListResult {
  files: {
    id: string
    name: string
    sizeBytes: number
    kind: string
    publisherLabel: string
    publishedAt: string
    private: boolean
    holders: number
  }[]
  total: number
}

/** What `describe` answers, as far as it is shown. */
export interface DescribeResult {
  id: string
  name: string | null
  kind: string | null
  mediaType: string | null
  publishedAt: string | null
  sizeBytes: number
  policy: string
  confirmed: number
  target: number
  margin: number
  holders: readonly string[]
  lossOddsPerYear: number
  keptHere: boolean
}

/** Something was shared. */
export function shareView(context: ViewContext, result: SharedResult): View {
  const { say } = context
  return {
    kind: 'card',
    tone: 'good',
    title: say('share.title', { name: safeText(result.name, 100) }),
    text: result.private ? say('share.private') : say('share.get', { command: context.mention('get') }),
    facts: [
      { label: say('key'), value: code(result.id) },
      { label: say('size'), value: formatBytes(result.sizeBytes) },
      {
        label: say('copies'),
        value: say('copiesOf', { copies: result.copies, policy: policyIn(say, result.policy) }),
      },
      {
        label: say('safe'),
        value: result.acknowledged === 'replicated' ? say('safeReplicated') : say('safeLocal'),
      },
    ],
    controls: [contentButtons(context, result.id)],
  }
}

/** What can be done with a thing; everybody may press. */
export function contentButtons(context: ViewContext, id: string): ViewControl[] {
  const { say } = context
  return [
    ...button(context, { does: 'get', facts: [id] }, say('get.button'), 'main'),
    ...button(context, { does: 'describe', facts: [id] }, say('describe.button')),
    ...button(context, { does: 'keep', facts: [id] }, say('keep.button')),
  ]
}

/** A page of the list, with buttons to the pages around it. */
export function listView(
  context: ViewContext,
  result: ListResult,
  page: { offset: number; name: string; mine: boolean },
): View {
  const { say } = context
  const { files, total } = result
  if (files.length === 0) {
    const text =
      page.name === ''
        ? say('list.empty', { command: context.mention('share') })
        : say('list.noMatch', { name: safeText(page.name, 60) })
    return { kind: 'note', tone: 'plain', text }
  }
  const to = page.offset + files.length
  return {
    kind: 'card',
    tone: 'plain',
    title: say('list.title'),
    lines: files.map(
      (file) =>
        `${file.private ? '🔒 ' : ''}**${safeText(file.name, 80)}** · ${formatBytes(file.sizeBytes)} · ${formatMoment(file.publishedAt)} · ${say('list.held', { count: file.holders })}\n${code(file.id)}`,
    ),
    text: say('page', { from: page.offset + 1, to, total }),
    controls: [pageButtons(context, page, to, total), chooser(context, files)],
  }
}

function pageButtons(
  context: ViewContext,
  { offset, name, mine }: { offset: number; name: string; mine: boolean },
  to: number,
  total: number,
): ViewControl[] {
  const { say, user } = context
  const filter = plainText(name)
  if (total <= PAGE_SIZE || filter.length > FILTER_LENGTH_MAX || filter.includes('~')) return []
  const at = (next: number) => ({
    does: 'page',
    user,
    facts: [String(next), mine ? '1' : '0', Buffer.from(filter).toString('base64url')],
  })
  return [
    ...(offset > 0 ? button(context, at(Math.max(0, offset - PAGE_SIZE)), `◀ ${say('back')}`) : []),
    ...(to < total ? button(context, at(to), `${say('next')} ▶`) : []),
  ]
}

function chooser({ controls, say }: ViewContext, files: ListResult['files']): ViewControl[] {
  const id = controls.make({ does: 'pick', facts: [] })
  if (id === undefined) return []
  const options = files.map((file) => ({
    label: plainText(file.name, 90) || file.id.slice(0, 20),
    value: file.id,
    description: formatBytes(file.sizeBytes),
  }))
  return [{ kind: 'choice', id, placeholder: say('list.choose'), options }]
}

/** Everything known about one thing. */
export function describeView(context: ViewContext, result: DescribeResult): View {
  const { say } = context
  const margin =
    result.margin < 0
      ? say('lost')
      : result.margin === 0
        ? say('marginNone')
        : say('marginPeers', { count: result.margin })
  return {
    kind: 'card',
    tone: result.margin < 0 ? 'bad' : result.confirmed < result.target ? 'warning' : 'good',
    title: safeText(result.name ?? result.id, 100),
    ...(result.confirmed < result.target ? { text: say('describe.tooFew') } : {}),
    facts: [
      { label: say('key'), value: code(result.id) },
      ...(result.mediaType === null ? [] : [{ label: say('type'), value: safeText(result.mediaType, 60) }]),
      { label: say('size'), value: formatBytes(result.sizeBytes) },
      ...(result.publishedAt === null
        ? []
        : [{ label: say('sharedAt'), value: formatMoment(result.publishedAt) }]),
      {
        label: say('copies'),
        value: `${result.confirmed}/${result.target} (${policyIn(say, result.policy)})`,
      },
      { label: say('margin'), value: margin },
      { label: say('holders'), value: String(result.holders.length) },
      { label: say('lossOdds'), value: formatOdds(say, result.lossOddsPerYear) },
      { label: say('keptHere'), value: result.keptHere ? say('yes') : say('no') },
    ],
    controls: [contentButtons(context, result.id).filter((_, index) => index !== 1)],
  }
}

/** The files of a folder, as many as fit. */
export function folderView(
  { say }: ViewContext,
  folder: {
    id: string
    name: string
    sizeBytes: number
    files: readonly { path: string; sizeBytes: number }[]
  },
): View {
  const left = folder.files.length - FOLDER_LINES_MAX
  return {
    kind: 'card',
    tone: 'plain',
    title: safeText(folder.name, 100),
    text: say('get.folder', { count: folder.files.length, size: formatBytes(folder.sizeBytes) }),
    lines: [
      ...folder.files
        .slice(0, FOLDER_LINES_MAX)
        .map((file) => `${safeText(clip(file.path, 120))} · ${formatBytes(file.sizeBytes)}`),
      ...(left > 0 ? [say('more', { count: left })] : []),
      `\`kizuna get ${folder.id}\``,
    ],
  }
}

function formatOdds(say: Say, odds: number): string {
  if (odds <= 0) return '0'
  if (odds >= 0.001) return `${(odds * 100).toFixed(1)} %`
  // One digit that counts; nobody believes more of it.
  return say('oddsOneIn', { count: Number((1 / odds).toPrecision(1)).toLocaleString(say.language) })
}

/** A policy such as `replica:3` or `rs:4+2` in words; one that is unknown here stays as it is. */
function policyIn(say: Say, policy: string): string {
  if (policy.startsWith('replica:')) return say('policy.whole')
  const [, data, parity] = /^rs:(\d+)\+(\d+)$/.exec(policy) ?? []
  if (data === undefined) return safeText(policy, 30)
  return say('policy.pieces', { data, all: Number(data) + Number(parity) })
}
