import { formatBytes } from '../../core/format-bytes.ts'
import { formatMoment } from './format-numbers.ts'
import { safeText } from './terminal.ts'

interface DescribeFacts {
  id: string
  forms: Record<string, string>
  name: string | null
  kind: string | null
  mediaType: string | null
  publishers: string[]
  publishedAt: string | null
  sizeBytes: number
  policy: string
  confirmed: number
  target: number
  margin: number
  failureDomains: number
  lastProvedAt: string | null
  lossOddsPerYear: number | null
  unreadableShare: number | null
  holders: string[]
  keptHere: boolean
}

const NAME_WIDTH = 13

/** What `describe` answers: what it is, how safe it is, and who holds it. */
export function renderDescribe(facts: DescribeFacts): string {
  const { name, kind, mediaType, publishedAt, publishers, holders } = facts
  const proved = facts.lastProvedAt === null ? 'not proved yet' : `proved ${formatMoment(facts.lastProvedAt)}`
  const rows: [string, string][] = [
    ['name', name === null ? 'not on the shared list' : safeText(name)],
    ['id', facts.id],
    [
      'size',
      `${formatBytes(facts.sizeBytes)}${mediaType === null ? '' : `, ${safeText(mediaType)}`}${kind === 'folder' ? ', a folder' : ''}`,
    ],
    ...(publishedAt === null
      ? []
      : [['shared', `${formatMoment(publishedAt)} (UTC) by ${publishers.join('\n')}`] as [string, string]]),
    [
      'copies',
      `${facts.confirmed} of ${facts.target} confirmed (${facts.policy}), ${proved}${facts.keptHere ? '; one is kept here' : ''}`,
    ],
    ['may be lost', marginLine(facts)],
    ['odds', oddsLine(facts)],
    ['holders', holders.length === 0 ? 'nobody' : holders.join('\n')],
    [
      'other ids',
      Object.entries(facts.forms)
        .filter(([, text]) => text !== facts.id)
        .map(([form, text]) => `${form} ${text}`)
        .join('\n'),
    ],
  ]
  return rows
    .map(
      ([title, text]) => `${title.padEnd(NAME_WIDTH)}${text.replaceAll('\n', `\n${' '.repeat(NAME_WIDTH)}`)}`,
    )
    .join('\n')
}

function marginLine({ margin, failureDomains }: DescribeFacts): string {
  if (margin < 0) return 'it cannot be read now'
  if (margin === 0) return 'none of its holders'
  return `${margin} of its holders, which stand in ${failureDomains} different places`
}

function oddsLine({ lossOddsPerYear, unreadableShare }: DescribeFacts): string {
  const shown = (odds: number | null) => (odds === null ? 'unknown' : shareOf(odds))
  return `lost within a year: ${shown(lossOddsPerYear)}; unreadable: ${shown(unreadableShare)} of the time`
}

function shareOf(odds: number): string {
  const percent = odds * 100
  if (percent === 0) return '0 %'
  return percent < 0.01 ? 'less than 0.01 %' : `${Number(percent.toPrecision(2))} %`
}
