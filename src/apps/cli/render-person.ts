import { formatMoment } from './format-numbers.ts'
import { factsLine } from './render-facts.ts'
import { safeText } from './terminal.ts'

/** More of one sort is for `--json`. */
const ITEMS_SHOWN = 20

type PrivacyFacts = {
  person: string
  complete?: boolean
  kept?: Record<string, unknown[]>
  erased?: Record<string, number>
}

type FeedbackFacts =
  | { id: number; removed?: boolean }
  | { notes: { id: number; at: string; caller: string; text: string }[] }

/** What `privacy` answers: what is kept about somebody, or how much was erased. */
export function renderPrivacy({ person, complete, kept = {}, erased }: PrivacyFacts): string {
  const who = safeText(person)
  if (erased !== undefined) {
    const counts = Object.entries(erased).filter(([, count]) => count > 0)
    if (counts.length === 0) return `Nothing was kept here about ${who}.`
    return `Erased for good, about ${who}: ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}.`
  }
  const sorts = Object.entries(kept).filter(([, items]) => items.length > 0)
  if (sorts.length === 0) return `Nothing is kept here about ${who}.`
  return [
    `Kept here about ${who}:`,
    ...sorts.flatMap(([name, items]) => [
      '',
      `${name} (${items.length})`,
      ...items.slice(0, ITEMS_SHOWN).map((item) => `  ${itemLine(item)}`),
      ...(items.length > ITEMS_SHOWN ? [`  … ${items.length - ITEMS_SHOWN} more`] : []),
    ]),
    '',
    ...(complete === false ? ['There is more than one answer carries; the owner can give it to you.'] : []),
    '`kizuna privacy export --json` gives all of it as data, `kizuna privacy delete --confirm` erases it.',
  ].join('\n')
}

/** What `feedback` answers. */
export function renderFeedback(facts: FeedbackFacts): string {
  if ('notes' in facts) {
    if (facts.notes.length === 0) return 'Nobody wrote anything yet.'
    return facts.notes
      .map(
        ({ id, at, caller, text }) =>
          `${id}  ${formatMoment(at)}  ${safeText(caller)}\n${text
            .split('\n')
            .map((line) => `   ${safeText(line)}`)
            .join('\n')}`,
      )
      .join('\n')
  }
  if (facts.removed === undefined) return `Thank you. It is note ${facts.id} for the owner of this node.`
  return facts.removed ? `Note ${facts.id} is removed.` : `There is no note ${facts.id}.`
}

function itemLine(item: unknown): string {
  if (typeof item !== 'object' || item === null) return safeText(String(item))
  const { at, ...rest } = item as Record<string, unknown>
  const when = typeof at === 'number' ? `${formatMoment(new Date(at).toISOString())}  ` : ''
  return `${when}${factsLine(when === '' ? (item as Record<string, unknown>) : rest)}`
}
