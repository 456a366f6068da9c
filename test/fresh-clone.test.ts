/**
 * A fresh clone works as the README says, and the build machine does the same: README, package.json and .ci/run agree,
 * and git holds every file that something needs.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const INSTALL = 'npx --yes -p node@24 npm install'

const readme = readFileSync('README.md', 'utf8')
const program = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>
  bin: Record<string, string>
  exports: Record<string, string>
  files: string[]
  engines: { node: string }
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}
const listed = spawnSync('git', ['ls-files', '-z'], { encoding: 'utf8', maxBuffer: 2 ** 26 })
const tracked = new Set(listed.status === 0 ? listed.stdout.split('\0').filter((path) => path !== '') : [])
const noGit = tracked.size > 0 ? {} : { skip: 'NOT TESTED: this is no clone' }

test('the README gives one command to start and one to test, each whole [K-01] [K-74]', () => {
  const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block.trim())
  assert.ok(blocks.includes(`${INSTALL} && npm start`))
  assert.ok(blocks.includes(`${INSTALL} && npm test`))
})

test('the build machine sets up and tests with the commands of the README, and nothing passes over a failure [K-01]', () => {
  const run = readFileSync('.ci/run', 'utf8')
  const lines = run.split('\n').filter((line) => /^(npx|npm) /.test(line))
  assert.deepEqual(lines.slice(0, 3), [INSTALL, 'npm run check', 'npm test'])
  assert.match(run, /^set -euo pipefail$/m)
  assert.doesNotMatch(run, /\|\| (true|:)/)
  assert.equal(statSync('.ci/run').mode & 0o111, 0o111, 'it can be run')
})

test('scripts run on the Node that the package brings, and every version is exact [K-01]', () => {
  const version = readFileSync('.node-version', 'utf8').trim()
  assert.equal(program.devDependencies.node, version)
  assert.match(version, /^24\./)
  assert.equal(program.engines.node, '>=24')
  assert.match(readFileSync('.npmrc', 'utf8'), /^engine-strict=true$/m)
  for (const [name, wanted] of Object.entries({ ...program.dependencies, ...program.devDependencies })) {
    assert.match(wanted, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
  }
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dependencies?: unknown; devDependencies?: unknown }>
  }
  assert.deepEqual(
    lock.packages['']?.dependencies,
    program.dependencies,
    'the lock file is of this package.json',
  )
  assert.deepEqual(lock.packages['']?.devDependencies, program.devDependencies)
})

test('git holds every file that package.json, its scripts and the imports name [K-01]', noGit, () => {
  const missing: string[] = []
  const need = (path: string, by: string) => {
    const file = normalize(path)
    if (!tracked.has(file)) missing.push(`${file}, for ${by}`)
  }
  for (const file of ['package-lock.json', '.npmrc', '.node-version', '.ci/run', 'LICENSE'])
    need(file, 'a clone')
  for (const path of [...Object.values(program.bin), ...Object.values(program.exports)])
    need(path, 'package.json')
  for (const [name, script] of Object.entries(program.scripts)) {
    for (const [path] of script.matchAll(/[\w./-]+\.ts\b/g)) need(path, `npm run ${name}`)
  }
  const sources = [...tracked].filter(
    (path) => existsSync(path) && /^(src|test|scripts|examples)\/.*\.ts$/.test(path),
  )
  assert.ok(sources.length > 200)
  for (const path of sources) {
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(
      /^(?:import|export)\b[^'`]*?'(\.[^']+)'/gm,
    )) {
      need(join(dirname(path), target), path)
    }
  }
  assert.deepEqual(missing, [])
})
