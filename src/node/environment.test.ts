import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { isKizunaError } from '../core/kizuna-error.ts'
import { loadConfig, variableOf } from './config.ts'
import { CONFIG_KEYS } from './config-schema.ts'
import { environmentWithFewArenas, KNOWN_NAMES, readEnvironment } from './environment.ts'
import { environmentExample } from './environment-example.ts'
import { loadSecrets, SECRET_VARIABLES } from './secrets.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

function inFolder(files: Record<string, string>, work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-env-'))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('.env.example has every variable that the program reads, and no other [A-39]', () => {
  const text = readFileSync(join(ROOT, '.env.example'), 'utf8')
  assert.equal(text, environmentExample(), 'run `node scripts/write-configuration-page.ts`')
  const named = [...text.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name)
  const secrets = Object.values(SECRET_VARIABLES).flatMap((name) => [name, `${name}_FILE`])
  const read = [...CONFIG_KEYS.map(variableOf), ...secrets, ...Object.keys(KNOWN_NAMES), 'AWS_REGION']
  assert.deepEqual(named.sort(), read.sort())
  for (const line of text.split('\n'))
    assert.ok(line === '' || line.startsWith('#'), 'nothing is set by copying it')
})

for (const name of ['development', 'staging', 'production']) {
  test(`.env.${name} is valid, holds no secret and says which it is [A-78] [A-44]`, () => {
    const variables = parseEnv(readFileSync(join(ROOT, `.env.${name}`), 'utf8')) as Record<string, string>
    const config = loadConfig({ variables, userHome: '/nonexistent' })
    assert.equal(config.environment, name)
    for (const secret of Object.values(SECRET_VARIABLES)) assert.ok(!(secret in variables))
  })
}

test('production refuses what is meant for looking into things, all of it at once [A-78] [A-44]', () => {
  const variables = {
    KIZUNA_ENVIRONMENT: 'production',
    KIZUNA_LOG_LEVEL: 'debug',
    KIZUNA_NETWORK_DEBUG: 'true',
    KIZUNA_API_HOST: '0.0.0.0',
    KIZUNA_API_PUBLIC: 'true',
  }
  assert.throws(
    () => loadConfig({ variables, userHome: '/nonexistent' }),
    (error: unknown) => {
      assert.ok(error instanceof Error)
      for (const word of ['logLevel', 'networkDebug', 'apiHost'])
        assert.ok(error.message.includes(word), word)
      return true
    },
  )
  assert.equal(
    loadConfig({ variables: { ...variables, KIZUNA_ENVIRONMENT: 'staging' }, userHome: '/x' }).networkDebug,
    true,
  )
})

test('the shell wins over the environment’s own file, and that over .env', () => {
  const files = {
    '.env': 'KIZUNA_ENVIRONMENT=staging\nKIZUNA_LABEL=common\nKIZUNA_COPIES=2\nDISCORD_TOKEN=from-file\n',
    '.env.staging': 'KIZUNA_LABEL=particular\nKIZUNA_COPIES=4\nLOG_LEVEL=debug\n',
  }
  inFolder(files, (folder) => {
    process.env.KIZUNA_COPIES = '5'
    try {
      const { variables, secretVariables } = readEnvironment(folder)
      assert.equal(variables.KIZUNA_LABEL, 'particular')
      assert.equal(variables.KIZUNA_COPIES, '5')
      assert.equal(variables.KIZUNA_LOG_LEVEL, 'debug', 'by the name that other programs know [A-54]')
      assert.equal(secretVariables.DISCORD_TOKEN, 'from-file')
      assert.ok(!('DISCORD_TOKEN' in variables))
    } finally {
      delete process.env.KIZUNA_COPIES
    }
  })
  inFolder({ '.env': 'KIZUNA_ENVIRONMENT=../../etc/passwd\n' }, (folder) => {
    assert.equal(readEnvironment(folder).variables.KIZUNA_ENVIRONMENT, '../../etc/passwd')
  })
})

test('IPFS_LOGGING=true turns the libraries’ own words on [A-59]', () => {
  inFolder({ '.env': 'IPFS_LOGGING=true\n' }, (folder) => {
    const { variables } = readEnvironment(folder)
    assert.equal(loadConfig({ variables, userHome: '/nonexistent' }).networkDebug, true)
  })
})

test('a secret comes from its variable or from a file, and shows itself to nobody [A-58]', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-secret-'))
  try {
    const path = join(folder, 'token')
    writeFileSync(path, 'from-file\n')
    const { discordToken } = await loadSecrets({ DISCORD_TOKEN_FILE: path })
    assert.equal(discordToken?.reveal(), 'from-file')
    assert.ok(!`${discordToken} ${JSON.stringify(discordToken)}`.includes('from-file'))
    assert.equal(
      (await loadSecrets({ DISCORD_TOKEN: 'direct', DISCORD_TOKEN_FILE: path })).discordToken?.reveal(),
      'direct',
    )
    assert.deepEqual(await loadSecrets({ DISCORD_TOKEN: '  ' }), {})
    await assert.rejects(loadSecrets({ DISCORD_TOKEN_FILE: join(folder, 'none') }), withCode('INVALID_INPUT'))
    await assert.rejects(loadSecrets({ DISCORD_TOKEN: 'x'.repeat(5_000) }), withCode('INVALID_INPUT'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a process that runs for long has few arenas of memory, unless its owner said how many [R-13]', () => {
  const before = process.env.MALLOC_ARENA_MAX
  try {
    delete process.env.MALLOC_ARENA_MAX
    const given = environmentWithFewArenas()
    assert.equal(given?.MALLOC_ARENA_MAX, process.platform === 'linux' ? '2' : undefined)
    if (given !== undefined) assert.equal(given.PATH, process.env.PATH)
    process.env.MALLOC_ARENA_MAX = '8'
    assert.equal(environmentWithFewArenas(), undefined)
  } finally {
    if (before === undefined) delete process.env.MALLOC_ARENA_MAX
    else process.env.MALLOC_ARENA_MAX = before
  }
})
