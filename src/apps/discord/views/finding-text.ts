import type { Finding, FindingFact } from '../../../core/finding.ts'
import { code as asCode, prose, safeText } from '../answers/safe-text.ts'
import { formatBytes, formatMoment, withReadableBytes } from '../words/format.ts'
import { isWordKey, type Say } from '../words/say.ts'
import type { ViewContext } from './view-context.ts'

const FACT_LENGTH_MAX = 100
/** Of several names in one finding; what is more stands in `status --json`. */
const NAMES_MAX = 10
const NAME_LENGTH_MAX = 40

/** What was found as a sentence in the person's language; of a code without words, as it came. */
export function findingText(
  { say, mention }: Pick<ViewContext, 'say' | 'mention'>,
  { code, facts, finding }: Finding,
): string {
  const key = `finding.${code}`
  if (!isWordKey(key)) return prose(withReadableBytes(finding))
  const shown = Object.entries(facts).map(([name, fact]) => [name, factText(say, name, fact)] as const)
  return say(key, {
    ...Object.fromEntries(shown),
    reason: reasonText(say, facts),
    invite: mention('invite'),
    doctor: mention('doctor'),
  })
}

/** A step of `doctor` in the person's language. */
export function stepName(say: Say, step: string): string {
  const key = `step.${step}`
  return isWordKey(key) ? say(key) : safeText(step, NAME_LENGTH_MAX)
}

/** A word of `NodeState.degraded` in the person's language. */
export function lookText(say: Say, word: string): string {
  const key = `look.${word}`
  return isWordKey(key) ? say(key) : safeText(word, NAME_LENGTH_MAX)
}

function factText(say: Say, name: string, fact: FindingFact): string {
  if (typeof fact === 'number') return name.endsWith('Bytes') ? formatBytes(fact) : String(fact)
  if (typeof fact === 'string') {
    if (name === 'since') return formatMoment(safeText(fact, FACT_LENGTH_MAX))
    return name === 'id' ? asCode(fact, FACT_LENGTH_MAX) : safeText(fact, FACT_LENGTH_MAX)
  }
  const left = fact.length - NAMES_MAX
  const names = fact.slice(0, NAMES_MAX).map((one) => lookText(say, one))
  return [...names, ...(left > 0 ? [say('more', { count: left })] : [])].join(', ')
}

/** What went wrong, by the code of an error, or by its kind. */
function reasonText(say: Say, { error, kind }: Finding['facts']): string {
  const keys = [`code.${String(error)}`, `error.${String(kind)}`]
  return say(keys.find(isWordKey) ?? 'error.internal')
}
