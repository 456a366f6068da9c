/** What somebody who runs a node for years uses: the first set-up, the monitor's check, metrics, log files. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NodeGroup } from '../fixtures/node-group.ts'

const LIMIT = { timeout: 120_000 }

/** Every sample line of the Prometheus text format 0.0.4 with its value, as a scraper reads them. */
function parsePrometheus(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+$/.test(line)) continue
    const match =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*\})?) (\S+)$/.exec(
        line,
      )
    assert.ok(match !== null, `no scraper reads this line: ${line}`)
    const value = match[2] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[2])
    assert.ok(!Number.isNaN(value) || match[2] === 'NaN', line)
    assert.ok(!samples.has(match[1] ?? ''), `twice: ${match[1]}`)
    samples.set(match[1] ?? '', value)
  }
  return samples
}

test('npm run setup makes folder, key and database; the second run changes nothing [A-40]', LIMIT, () => {
  const parent = mkdtempSync(join(tmpdir(), 'kizuna-setup-'))
  const home = join(parent, 'home')
  const setup = () => {
    const environment = { ...process.env, KIZUNA_HOME: home, KIZUNA_MDNS: 'false', KIZUNA_HOST: '127.0.0.1' }
    const run = spawnSync('npm', ['run', '--silent', 'setup', '--', '--json'], {
      env: environment,
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
    return JSON.parse(run.stdout) as { peerId: string; steps: { name: string; done: boolean }[] }
  }
  const keyFile = () =>
    readdirSync(home)
      .filter((name) => /identity|key/.test(name))
      .map((name) => readFileSync(join(home, name)).toString('hex'))
  try {
    const first = setup()
    assert.equal(statSync(home).mode & 0o777, 0o700)
    assert.ok(existsSync(join(home, 'index.db')))
    const keys = keyFile()
    assert.ok(keys.length > 0)
    const names = readdirSync(home).sort()
    const second = setup()
    const named = ({ peerId, steps }: typeof first) => [peerId, steps.map(({ name, done }) => [name, done])]
    assert.deepEqual(named(second), named(first))
    assert.deepEqual(keyFile(), keys)
    assert.deepEqual(readdirSync(home).sort(), names)
  } finally {
    rmSync(parent, { recursive: true })
  }
})

test(
  'the monitor’s check says what is well and what is not, and so does its exit code [A-81]',
  LIMIT,
  async () => {
    await using group = new NodeGroup()
    const oak = await group.start('oak')
    const monitor = () => spawnSync('sh', ['scripts/monitor.sh', group.path('oak')], { encoding: 'utf8' })
    const well = monitor()
    assert.equal(well.status, 0, well.stdout + well.stderr)
    const lines = well.stdout.trim().split('\n')
    assert.ok(lines.length >= 5)
    for (const line of lines) assert.match(line, /^ok {3}[a-z ()]+: .+$/)
    await oak.stop()
    const gone = monitor()
    assert.equal(gone.status, 1)
    assert.match(gone.stdout, /^FAIL node: no node runs on /)
  },
)

test('metrics are read as a scraper reads them, and only by who has a token [A-80]', LIMIT, async () => {
  await using group = new NodeGroup()
  const oak = await group.start('oak')
  await oak.json('ping')
  const { url, token } = JSON.parse(readFileSync(join(group.path('oak'), 'api.json'), 'utf8')) as Record<
    string,
    string
  >
  assert.equal((await fetch(`${url}/metrics`)).status, 401)
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  const samples = parsePrometheus(await answer.text())
  assert.ok((samples.get('kizuna_commands_total{command="ping",outcome="ok"}') ?? 0) >= 1)
  assert.ok(samples.has('kizuna_members'))
  assert.ok(samples.size > 30)
})

test(
  'kizuna start keeps its log in files that only the owner reads, as loud as was asked [A-60] [A-54]',
  LIMIT,
  async () => {
    await using group = new NodeGroup()
    const oak = await group.start('oak', ['--log-level', 'info'])
    await oak.json('ping')
    await oak.json('config', 'set', 'logLevel', 'debug')
    await oak.json('ping')
    await oak.stop()
    const folder = join(group.path('oak'), 'logs')
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    const lines = readFileSync(join(folder, 'kizuna.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const pings = lines.filter(({ msg, command }) => msg === 'command' && command === 'ping')
    assert.equal(pings.length, 2)
    for (const { caller, outcome, durationMs, correlationId } of pings) {
      assert.deepEqual([caller, outcome, typeof durationMs], ['api', 'ok', 'number'])
      assert.match(String(correlationId), /^[0-9a-f]{12}$/)
    }
  },
)
