/**
 * The documentation as a test: what it names exists, what must be explained is, and what it says to type can be typed.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { commandList } from '../src/commands/command-list.ts'
import { RetrieveChunkCode, StoreChunkCode } from '../src/content/dds-messages.js'
import * as ddsProtocol from '../src/content/dds-protocol.ts'
import { SystemClock } from '../src/core/clock.ts'
import { contentIdOf, digestOf } from '../src/core/content-id.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES_MAX } from '../src/core/limits.ts'
import { SystemRandom } from '../src/core/random.ts'
import { signingKeyFromSeed } from '../src/core/signing-key.ts'
import { MemoryNetworkHub } from '../src/network/memory-network.ts'
import { variableOf } from '../src/node/config.ts'
import { CONFIG_KEYS } from '../src/node/config-schema.ts'

const pages = globSync('{*.md,docs/**/*.md,src/**/*.md,changes/*.md,.github/**/*.md}')

function read(path: string): string {
  return readFileSync(path, 'utf8')
}

/** The part of a page that is prose: without code blocks. */
function proseOf(path: string): string {
  return read(path).replaceAll(/^ *```[\s\S]*?^ *```/gm, '')
}

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(path: string): Set<string> {
  const headings = [...proseOf(path).matchAll(/^#{1,6} (.+)$/gm)]
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-'),
    ),
  )
}

/** Every stable code of an error that production code can throw. */
function errorCodes(): Set<string> {
  const codes = new Set<string>()
  for (const file of globSync('src/**/*.ts')) {
    if (/\.(test|suite|d)\.ts$/.test(file)) continue
    for (const [, line = ''] of read(file).matchAll(/\bcode: ([^\n]*)/g)) {
      for (const [, code = ''] of line.matchAll(/'([A-Z][A-Z_]+)'/g)) {
        // The system's own codes, such as ENOENT, are no codes of ours.
        if (!/^E[A-Z]+$/.test(code)) codes.add(code)
      }
    }
  }
  return codes
}

test('every typed error code has a heading in the troubleshooting guide, and every heading a code [K-76]', () => {
  const codes = errorCodes()
  assert.ok(codes.size > 50)
  const sections = [
    ...read('docs/operating/troubleshooting.md').matchAll(
      /^### ([A-Z_]+)\n\n([\s\S]*?)(?=\n#|$(?![\s\S]))/gm,
    ),
  ]
  const headings = sections.map(([, code = '']) => code)
  assert.equal(new Set(headings).size, headings.length, 'a heading comes twice')
  assert.deepEqual(
    [...codes].filter((code) => !headings.includes(code)).sort(),
    [],
    'codes without a heading',
  )
  assert.deepEqual(headings.filter((code) => !codes.has(code)).sort(), [], 'headings without a code')
  for (const [, code = '', text = ''] of sections) {
    assert.match(text, /^When: .+\n(.+\n)*Do: .+/, `${code} says when and what to do`)
  }
})

test('every link between pages leads to a file and a heading that exist [K-75]', () => {
  const broken: string[] = []
  for (const page of pages) {
    for (const [, target = ''] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(file)) broken.push(`${page}: ${target}`)
      else if (anchor !== undefined && !anchorsOf(file).has(anchor)) broken.push(`${page}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('every file of the source tree that a page names is there [K-75]', () => {
  const missing: string[] = []
  for (const page of pages) {
    // What the glossary's left column names is old, and what is not built yet is not there.
    const lines = proseOf(page)
      .split('\n')
      .filter((line) => !line.includes('not built yet'))
    for (const line of lines) {
      const ours = page === 'docs/glossary.md' ? line.split(' | ').slice(1).join(' | ') : line
      for (const [, path = ''] of ours.matchAll(/`((?:src|test|scripts|docs|bench|examples)\/[\w./-]+)`/g)) {
        if (page !== 'docs/requirements.md' && !existsSync(path)) missing.push(`${page}: ${path}`)
      }
    }
  }
  assert.deepEqual(missing, [])
})

test('the README mentions every command of the registry, and how to set up and test [K-74]', () => {
  const readme = read('README.md')
  const missing = commandList.filter((command) => !readme.includes(`\`${command.name}\``))
  assert.deepEqual(
    missing.map((command) => command.name),
    [],
  )
  for (const words of ['npm install', 'npm start', 'npm test', 'KIZUNA_HOME'])
    assert.ok(readme.includes(words), words)
})

test('issue and pull-request templates are there and ask what helps [K-82] [K-83]', () => {
  for (const name of ['bug', 'feature']) {
    const form = read(`.github/ISSUE_TEMPLATE/${name}.yml`)
    assert.match(form, /^name: .+$/m)
    assert.match(form, /^description: .+$/m)
    assert.match(form, /required: true/)
  }
  const pull = read('.github/PULL_REQUEST_TEMPLATE.md')
  for (const words of ['why', 'proven', 'npm run check', 'npm test']) assert.ok(pull.includes(words), words)
})

test('every command that CONTRIBUTING names is a script of the package [K-84]', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = [...read('CONTRIBUTING.md').matchAll(/npm (?:run ([\w:-]+)|(test|start)\b)/g)].map(
    ([, run, plain]) => run ?? plain ?? '',
  )
  assert.ok(named.length >= 5)
  assert.deepEqual(
    [...new Set(named)].filter((name) => !(name in scripts)),
    [],
  )
  for (const line of Object.values(scripts)) {
    const file = /^node (\S+\.ts)/.exec(line)?.[1]
    if (file !== undefined) assert.ok(existsSync(file), `${line}: ${file} is not there`)
  }
})

test('the licence is the whole Apache License 2.0, and every dependency’s goes with it [K-86]', () => {
  const text = read('LICENSE')
  assert.match(text, /Apache License\s+Version 2\.0, January 2004/)
  assert.match(text, /END OF TERMS AND CONDITIONS/)
  const manifest = JSON.parse(read('package.json')) as { license: string }
  assert.equal(manifest.license, 'Apache-2.0')
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { license?: string; dev?: boolean; devOptional?: boolean }>
  }
  const permissive =
    /^\(?(MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|Python-2\.0)\b/
  const shipped = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.dev !== true)
  assert.ok(shipped.length > 50)
  const other = shipped
    .map(([path, entry]) => ({ path, license: entry.license ?? licenseInside(path) }))
    .filter(({ license }) => !permissive.test(license))
  assert.deepEqual(other, [])
})

function licenseInside(path: string): string {
  if (!existsSync(`${path}/package.json`)) return 'not installed'
  const { license } = JSON.parse(read(`${path}/package.json`)) as { license?: string }
  return license ?? 'none'
}

test('the architecture page has components, DHT design, protocols and troubleshooting, with drawings [K-75] [B-54]', () => {
  const text = read('docs/architecture.md')
  for (const heading of [
    'The map',
    'Components',
    'A datum',
    'DHT design',
    'Protocols',
    'When it does not work',
  ]) {
    assert.match(text, new RegExp(`^## ${heading}`, 'm'))
  }
  assert.ok([...text.matchAll(/^```text$/gm)].length >= 3)
  const rooms = globSync('src/{*,apps/*}/README.md').map((path) => dirname(path))
  assert.deepEqual(
    rooms.filter((room) => !text.includes(`../${room}/README.md`)),
    [],
    'folders that the map leaves out',
  )
})

test('the migration guide has steps, API changes, test procedures, a way back and performance [B-55]', () => {
  const text = read('docs/developing/migration.md')
  for (const heading of ['Step by step', 'API changes', 'Test procedures', 'Roll back', 'Performance']) {
    assert.match(text, new RegExp(`^## ${heading}`, 'm'))
  }
  assert.ok([...text.matchAll(/^\d\. \*\*/gm)].length >= 6)
})

test('the glossary has every name that the requirements name [B-01] [B-11]', () => {
  const glossary = read('docs/glossary.md')
  const rows = [...read('docs/requirements.md').matchAll(/^\| [KSBA]-\d\d \| (.*) \|$/gm)]
  const names = new Set(
    rows.flatMap(([, row = '']) => [...row.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)),
  )
  assert.ok(names.size > 100)
  const missing = [...names].filter((name) => {
    const bare = name.replace(/[ ({:].*$/, '').replace('/Response', '')
    return !glossary.includes(name) && !glossary.includes(`\`${bare}`)
  })
  assert.deepEqual(missing, [])
})

test('the DDS specification has every message, field, code and limit, and its vectors hold [S-73]', () => {
  const text = read('docs/protocol/dds.md')
  assert.match(text, /version \*\*0\.1\.0\*\*/)
  for (const protocol of ddsProtocol.DDS_PROTOCOLS) assert.ok(text.includes(protocol), protocol)
  const proto = read('src/content/dds-messages.proto').replaceAll(/\/\/.*$/gm, '')
  const names = [
    ...[...proto.matchAll(/^(?:message|enum) (\w+)/gm)].map(([, name = '']) => name),
    ...[...proto.matchAll(/(\w+) = \d+;/g)].map(([, name = '']) => name),
  ]
  assert.ok(names.length > 50)
  assert.deepEqual(
    [...new Set(names)].filter((name) => !new RegExp(`\\b${name}\\b`).test(text)),
    [],
  )
  const shared = { FRAME_BYTES_MAX, CHUNK_BYTES_MAX }
  const own = Object.entries(ddsProtocol).filter(([name]) => /_(MAX|BYTES)$/.test(name))
  for (const [name, value] of [...own, ...Object.entries(shared)]) {
    const row = text.split('\n').find((line) => line.includes(`\`${name}\``)) ?? ''
    assert.ok(row.includes(` ${Number(value).toLocaleString('en')} `), `${name} is ${value}: ${row}`)
  }
  const chunkCid = Uint8Array.from(digestOf(contentIdOf(Buffer.from('kizuna'))))
  const { encodeRequest, encodeResponse } = ddsProtocol
  const range = { offset: 65_536, length: 1000 }
  const code = { retrieve: RetrieveChunkCode.RETRIEVE_OK, store: StoreChunkCode.STORE_OK }
  const vectors = [
    encodeRequest({ retrieveChunk: { chunkCid, ...range } }),
    encodeResponse({
      retrieveChunk: { code: code.retrieve, totalSizeBytes: 262_144, ...range, retryAfterMs: 0 },
    }),
    encodeRequest({ storeChunk: { chunkCid, sizeBytes: 6 } }),
    encodeResponse({ storeChunk: { code: code.store, chunkCid, alreadyHeld: false } }),
  ]
  const printed = [...text.matchAll(/^\|.*\| `([0-9a-f]+)` \|$/gm)].map(([, hex]) => hex)
  assert.deepEqual(
    vectors.map((bytes) => Buffer.from(bytes).toString('hex')),
    printed,
  )
})

test('FindProviders of the DDS plan is one call, whose answers are peers with addresses [S-70]', async () => {
  const text = read('docs/architecture.md')
  for (const name of [
    'FindProvidersRequest',
    'FindProvidersResponse',
    'network.findProviders',
    'GET_PROVIDERS',
  ]) {
    assert.ok(text.includes(name), name)
  }
  const hub = new MemoryNetworkHub({ clock: new SystemClock(), random: new SystemRandom() })
  const [asker, provider] = [1, 2].map((seed) =>
    hub.createNetwork(signingKeyFromSeed(Buffer.alloc(32, seed))),
  )
  assert.ok(asker !== undefined && provider !== undefined)
  await Promise.all([asker.start(), provider.start()])
  try {
    await asker.connect(provider.addresses()[0] ?? '')
    const id = contentIdOf(Buffer.from('golden'))
    await provider.provide([id])
    const found = await Array.fromAsync(asker.findProviders(id, { limit: 3 }))
    assert.deepEqual(
      found.map(({ peer }) => peer),
      [provider.peerId],
    )
    assert.ok((found[0]?.addresses.length ?? 0) > 0)
  } finally {
    await Promise.all([asker.stop(), provider.stop()])
  }
})

test('every variable of .env.example is a setting', () => {
  const known = new Set(CONFIG_KEYS.map(variableOf))
  const named = [...readFileSync('.env.example', 'utf8').matchAll(/^#?(KIZUNA_\w+)=/gm)].map(
    ([, name = '']) => name,
  )
  assert.ok(named.length > 0)
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  )
})
