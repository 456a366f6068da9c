/**
 * `npm run check`: everything a machine can say about the code without running the product.
 * Runs all parts, prints what each found, and fails when one does.
 */
import { spawnSync } from 'node:child_process'

const node = process.execPath
const PARTS: readonly { name: string; command: string; arguments: readonly string[] }[] = [
  { name: 'format and lint', command: 'biome', arguments: ['check', '--error-on-warnings', '.'] },
  { name: 'types', command: 'tsc', arguments: ['-p', '.'] },
  { name: 'dead code', command: 'knip', arguments: [] },
  { name: 'generated code', command: node, arguments: ['scripts/generate.ts', '--check'] },
  { name: 'tidy', command: node, arguments: ['--test', '--test-reporter=dot', 'test/tidy.test.ts'] },
]

const failed: string[] = []
for (const part of PARTS) {
  const run = spawnSync(part.command, part.arguments, { encoding: 'utf8' })
  const ok = run.status === 0
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${part.name}`)
  if (ok) continue
  failed.push(part.name)
  console.log(`${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}`)
}
if (failed.length > 0) {
  console.log(`\nNot clean: ${failed.join(', ')}.`)
  process.exitCode = 1
}
