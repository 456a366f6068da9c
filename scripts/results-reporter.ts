/**
 * A reporter for `node:test`: prints failures, skips and a summary, and appends every test's outcome to
 * `coverage/test-results.jsonl` so that `npm run requirements` can say which rows are proven.
 */
import { appendFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

const RESULTS = 'coverage/test-results.jsonl'

type Outcome = 'passed' | 'failed' | 'skipped'

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts: Record<Outcome, number> = { passed: 0, failed: 0, skipped: 0 }
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { name, file, skip, details } = event.data
    // A file's own entry and suites are not tests.
    if (details.type === 'suite' || name === file || name.endsWith('.test.ts')) {
      if (event.type === 'test:fail' && name.endsWith('.test.ts')) yield `not ok ${name}\n`
      continue
    }
    const skipped = skip !== undefined && skip !== false
    const outcome: Outcome = event.type === 'test:fail' ? 'failed' : skipped ? 'skipped' : 'passed'
    counts[outcome]++
    const place = file === undefined ? '' : relative('.', file)
    appendFileSync(RESULTS, `${JSON.stringify({ name, file: place, outcome })}\n`)
    if (outcome === 'skipped') yield `SKIPPED ${name} (${place}): ${String(skip)}\n`
    if (event.type === 'test:fail') {
      const cause = event.data.details.error?.cause ?? event.data.details.error
      yield `not ok ${name} (${place})\n${indent(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))}\n`
    }
  }
  yield `# ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}
