import { formatBytes } from '../../core/format-bytes.ts'
import { safeText } from './terminal.ts'

type Facts = Readonly<Record<string, unknown>>

/** Facts that have no form of their own: each by its name, what is in them further to the right. Never JSON. */
export function renderFacts(facts: Facts, indent = ''): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => {
      if (Array.isArray(value)) return renderList(name, value, indent)
      if (typeof value === 'object') return `${indent}${name}:\n${renderFacts(value as Facts, `${indent}  `)}`
      return `${indent}${wordFor(name)}: ${plain(name, value)}`
    })
    .join('\n')
}

/** The same on one line. */
export function factsLine(facts: Facts): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => `${wordFor(name)} ${plain(name, value)}`)
    .join(', ')
}

function renderList(name: string, values: readonly unknown[], indent: string): string {
  if (values.some((value) => typeof value === 'object'))
    return [`${indent}${name}:`, ...values.map((value) => `${indent}  ${plain('', value)}`)].join('\n')
  return `${indent}${name}: ${values.map((value) => plain('', value)).join(', ') || '–'}`
}

function plain(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((each) => plain('', each)).join(' ') || '–'
  if (typeof value === 'object' && value !== null) return factsLine(value as Facts)
  return name.endsWith('Bytes') ? formatBytes(Number(value)) : safeText(String(value))
}

function wordFor(name: string): string {
  return name.replace(/(?<=.)Bytes$/, '')
}
