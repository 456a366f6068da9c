/** A reporter for `node:test` that says nothing but what `coverage.ts` asks for: failures and the figures, as JSON lines. */
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

/** What the tests reached of one file. */
export interface FileCoverage {
  file: string
  lines: { total: number; covered: number; missing: number[] }
  branches: { total: number; covered: number; missing: number[] }
}

/** A line of the report. */
export type CoverageLine = { failed: string } | { files: FileCoverage[] }

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type === 'test:fail') yield `${JSON.stringify({ failed: event.data.name })}\n`
    if (event.type !== 'test:coverage') continue
    const { files, workingDirectory } = event.data.summary
    const lines: CoverageLine = {
      files: files.map((file) => ({
        file: relative(workingDirectory, file.path),
        lines: {
          total: file.totalLineCount,
          covered: file.coveredLineCount,
          missing: file.lines.filter(({ count }) => count === 0).map(({ line }) => line),
        },
        branches: {
          total: file.totalBranchCount,
          covered: file.coveredBranchCount,
          missing: file.branches.filter(({ count }) => count === 0).map(({ line }) => line),
        },
      })),
    }
    yield `${JSON.stringify(lines)}\n`
  }
}
