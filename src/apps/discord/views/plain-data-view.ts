import { safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import type { ViewContext } from './view-context.ts'

const LINES_MAX = 15
const VALUE_LENGTH_MAX = 200
const FIELDS_MAX = 8

/** A result without a face of its own: its fields as facts, its lists as lines. */
export function plainDataView({ say }: ViewContext, title: string, result: unknown): View {
  const fields = Object.entries(asRecord(result))
  const facts = fields
    .filter(([, value]) => value !== null && !Array.isArray(value))
    .map(([label, value]) => ({ label: safeText(spaced(label), 60), value: shown(value) }))
  const lines = fields.flatMap(([label, value]) => {
    if (!Array.isArray(value)) return []
    const left = value.length - LINES_MAX
    return [
      `**${safeText(spaced(label), 60)}** (${value.length})`,
      ...value.slice(0, LINES_MAX).map((item) => `• ${lineOf(item)}`),
      ...(left > 0 ? [say('more', { count: left })] : []),
    ]
  })
  return { kind: 'card', tone: 'plain', title, facts, lines }
}

function lineOf(item: unknown): string {
  if (typeof item !== 'object' || item === null) return shown(item)
  return Object.entries(item)
    .filter(([, value]) => value !== null && typeof value !== 'object')
    .slice(0, FIELDS_MAX)
    .map(([name, value]) => `${safeText(spaced(name), 40)} ${shown(value)}`)
    .join(' · ')
}

function shown(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return safeText(text, VALUE_LENGTH_MAX)
}

/** `publishedAt` → `published at`. */
function spaced(name: string): string {
  return name.replaceAll(
    /([a-z])([A-Z])/g,
    (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`,
  )
}

function asRecord(result: unknown): Record<string, unknown> {
  return typeof result === 'object' && result !== null && !Array.isArray(result)
    ? (result as Record<string, unknown>)
    : { result }
}
