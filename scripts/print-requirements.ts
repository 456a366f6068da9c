/**
 * `npm run requirements`: per source document, which rows have a passing test and which have none.
 * Rows come from docs/requirements.md, outcomes from the last `npm test` (coverage/test-results.jsonl).
 * `--json` prints the same as data; `--missing` only what has no passing test.
 */
import { existsSync, readFileSync } from 'node:fs'

interface Row {
  number: string
  what: string
  passed: string[]
  failed: string[]
}

interface Result {
  name: string
  file: string
  outcome: 'passed' | 'failed' | 'skipped'
}

const RESULTS = 'coverage/test-results.jsonl'

const documents = readDocuments(readFileSync('docs/requirements.md', 'utf8'))
if (!existsSync(RESULTS)) {
  console.error('There are no test results yet. Run `npm test` first.')
  process.exitCode = 1
} else {
  const rows = new Map(
    documents.flatMap((document) => document.rows.map((row) => [row.number, row] as const)),
  )
  for (const line of readFileSync(RESULTS, 'utf8').split('\n')) {
    if (line === '') continue
    const result = JSON.parse(line) as Result
    for (const [, number = ''] of result.name.matchAll(/\[([KASB]-\d\d)\]/g)) {
      const row = rows.get(number)
      if (result.outcome === 'passed') row?.passed.push(result.name)
      if (result.outcome === 'failed') row?.failed.push(result.name)
    }
  }
  print()
}

function print(): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify(documents, undefined, 2))
    return
  }
  for (const document of documents) {
    const proven = document.rows.filter((row) => row.passed.length > 0 && row.failed.length === 0)
    console.log(`\n${document.title}: ${proven.length} of ${document.rows.length} rows have a passing test`)
    for (const row of document.rows) {
      const state = row.failed.length > 0 ? 'FAILS ' : row.passed.length > 0 ? 'proven' : 'none  '
      if (state === 'proven' && process.argv.includes('--missing')) continue
      const count = row.passed.length > 0 ? ` (${row.passed.length})` : ''
      console.log(`  ${state} ${row.number} ${row.what}${count}`)
    }
  }
}

function readDocuments(text: string): { title: string; rows: Row[] }[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.split('\n')[0] ?? '',
      rows: [...section.matchAll(/^\| ([KASB]-\d\d) \| (.*) \|$/gm)].map((match) => ({
        number: match[1] ?? '',
        what: match[2] ?? '',
        passed: [],
        failed: [],
      })),
    }))
}
