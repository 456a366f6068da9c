/**
 * The house's rules as a test: who may import whom, who may touch which library, the clock, chance and the
 * environment. The table is diagram and rule at once (docs/architecture.md draws it).
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  storage: ['core'],
  network: ['core'],
  content: ['core', 'storage', 'network'],
  records: ['core', 'storage', 'network'],
  archive: ['core', 'storage', 'network', 'content', 'records'],
  compute: ['core', 'storage', 'network', 'content', 'records'],
  node: ['core', 'storage', 'network', 'content', 'records', 'archive', 'compute'],
  commands: ['core', 'storage', 'network', 'content', 'records', 'archive', 'compute', 'node'],
  'apps/cli': ['core', 'commands', 'node', 'apps/http', 'apps/discord'],
  'apps/http': ['core', 'commands', 'node'],
  'apps/discord': ['core', 'archive', 'compute', 'commands', 'node'],
  'index.ts': ['core', 'storage', 'network', 'content', 'records', 'archive', 'compute', 'node', 'commands'],
}

/** A library and the folders that may name it. */
const LIBRARY_HOME: readonly { library: RegExp; folders: readonly string[] }[] = [
  {
    library: /^(libp2p|@libp2p\/|@chainsafe\/|@multiformats\/multiaddr|datastore-level|interface-datastore)/,
    folders: ['network'],
  },
  { library: /^fastify/, folders: ['apps/http'] },
  { library: /^(discord\.js|@discordjs\/|discord-api-types)/, folders: ['apps/discord'] },
  { library: /^node:sqlite/, folders: ['storage'] },
  { library: /^pino/, folders: ['core'] },
  { library: /^rotating-file-stream/, folders: ['core'] },
  { library: /^(@sentry\/|aws4fetch|mongodb)/, folders: ['node'] },
  { library: /^prom-client/, folders: ['core'] },
]

/** Words that only one file (or a few) may use, so that the seams stay closed. */
const WORD_HOME: readonly { word: RegExp; files: readonly string[] }[] = [
  {
    word: /\bDate\.now\b|\bsetTimeout\b|\bsetInterval\b|\bperformance\.now\b|\bAbortSignal\.timeout\b/,
    files: ['src/core/clock.ts'],
  },
  { word: /\bMath\.random\b|\brandomBytes\b|\brandomInt\b|\brandomUUID\b/, files: ['src/core/random.ts'] },
  { word: /\bprocess\.env\b/, files: ['src/node/environment.ts'] },
]

const NOT_A_NAME = /^(utils?|helpers?|common|misc|types|manager|handler)(\.|$)/

const sources = globSync('src/**/*.ts').filter((file) => !file.endsWith('.d.ts'))
const production = sources.filter((file) => !/\.(test|suite)\.ts$/.test(file))

function roomOf(file: string): string {
  const [, first = '', second = ''] = file.split('/')
  return first === 'apps' ? `apps/${second}` : first
}

/** The rooms that a room reaches, over others too. */
function roomsBelow(room: string): string[] {
  const direct = MAY_IMPORT[room] ?? []
  return [...new Set([...direct, ...direct.flatMap(roomsBelow)])]
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '')
}

test('every import points down the stairs [K-02]', () => {
  const wrong: string[] = []
  for (const file of sources) {
    const from = roomOf(file)
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) continue
      const to = roomOf(normalize(join(dirname(file), target)))
      if (to === from) continue
      // A test builds its world from real parts, so it may name whatever stands below, directly or not.
      const allowed = /\.(test|suite)\.ts$/.test(file) ? roomsBelow(from) : (MAY_IMPORT[from] ?? [])
      if (!allowed.includes(to)) wrong.push(`${file} -> ${target}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('every folder of src is in the import table and explains itself [K-02] [S-01]', () => {
  const rooms = readdirSync('src', { withFileTypes: true }).flatMap((entry) =>
    entry.name === 'apps' ? readdirSync('src/apps').map((app) => `apps/${app}`) : [entry.name],
  )
  assert.deepEqual(
    rooms.filter((room) => !(room in MAY_IMPORT)),
    [],
    'not in the table',
  )
  assert.deepEqual(
    rooms.filter((room) => !room.endsWith('.ts') && !existsSync(`src/${room}/README.md`)),
    [],
    'without a README.md',
  )
  assert.deepEqual(
    rooms.filter((room) => !room.endsWith('.ts') && globSync(`src/${room}/**/*.test.ts`).length === 0),
    [],
    'without a test',
  )
})

test('libraries stay in the folder that owns them', () => {
  const wrong: string[] = []
  for (const file of production) {
    for (const target of importsOf(file)) {
      const home = LIBRARY_HOME.find((entry) => entry.library.test(target))
      const typeOnly = new RegExp(`import type [^;]*from '${target}'`).test(readFileSync(file, 'utf8'))
      if (home !== undefined && !typeOnly && !home.folders.includes(roomOf(file))) {
        wrong.push(`${file} imports ${target}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('time, chance and the environment come only through their seams', () => {
  const wrong: string[] = []
  for (const file of production) {
    const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    for (const { word, files } of WORD_HOME) {
      if (!files.includes(file) && word.test(code)) wrong.push(`${file}: ${word.exec(code)?.[0]}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('files and folders carry names that say something', () => {
  const wrong = sources.filter((file) => file.split('/').some((part) => NOT_A_NAME.test(part)))
  assert.deepEqual(wrong, [])
  const notKebab = sources.filter((file) => !/^[a-z0-9-]+(\.[a-z]+)+$/.test(file.split('/').at(-1) ?? ''))
  assert.deepEqual(notKebab, [])
})

test('every exported thing of production code has a doc comment [K-77]', () => {
  const bare: string[] = []
  for (const file of production) {
    const lines = readFileSync(file, 'utf8').split('\n')
    for (const [index, line] of lines.entries()) {
      if (!/^export (async )?(function\*?|class|interface) /.test(line)) continue
      if (!/\*\/\s*$/.test(lines[index - 1] ?? '')) bare.push(`${file}:${index + 1}`)
    }
  }
  assert.deepEqual(bare, [])
})

test('the manifest pins every dependency to one version and the lock file is there [K-03] [K-08]', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
  const all = { ...manifest.dependencies, ...manifest.devDependencies }
  const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
  assert.deepEqual(loose, [])
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { version: string; resolved?: string }>
  }
  for (const [name, version] of Object.entries(all)) {
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name)
  }
})

test('nothing in the tree names a path of one machine', () => {
  const wrong: string[] = []
  for (const file of globSync('{src,test,scripts,examples,bench,docs}/**/*.{ts,md,json}')) {
    if (file.includes('node_modules/')) continue
    if (file === 'test/tidy.test.ts') continue
    if (/\/(work|root|farm)\/[a-z]/.test(readFileSync(file, 'utf8'))) wrong.push(file)
  }
  assert.deepEqual(wrong, [])
})

test('the formatter and the linter find nothing [K-78]', () => {
  const run = spawnSync('node_modules/.bin/biome', ['check', '--error-on-warnings', '.'], {
    encoding: 'utf8',
  })
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`)
})

test('every part of core is run by a test, directly or by another part that is [A-22]', () => {
  const run = new Set<string>()
  const reach = (file: string) => {
    if (run.has(file)) return
    run.add(file)
    for (const target of importsOf(file)) {
      if (target.startsWith('./')) reach(normalize(join(dirname(file), target)))
    }
  }
  for (const file of globSync('src/core/*.test.ts')) reach(file)
  // Types and numbers alone cannot be run.
  const isCode = (file: string) => /^export (async )?(function|class)\b/m.test(readFileSync(file, 'utf8'))
  const untested = globSync('src/core/*.ts').filter(
    (file) => !/\.(test|suite|d)\.ts$/.test(file) && isCode(file) && !run.has(file),
  )
  assert.deepEqual(untested, [])
})
