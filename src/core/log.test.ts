import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DeadlineError } from './errors.ts'
import { createLogger, type Logger, type LogLevel, silentLogger } from './log.ts'

/** Runs `write` with a logger on a file and returns its text and its lines. */
function logged(level: LogLevel, write: (log: Logger) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'kizuna-log-'))
  try {
    const destination = join(folder, 'log')
    write(createLogger({ level, destination }))
    const text = readFileSync(destination, 'utf8')
    const lines = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    return { text, lines }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('an event is one line of JSON with its level, time, part and fields', () => {
  const { lines } = logged('info', (log) => {
    log.named('content').named('replicator').info('chunk stored', { id: 'bafk', sizeBytes: 5 })
  })
  const [{ time, ...line } = {}] = lines
  assert.deepEqual(line, {
    level: 'info',
    part: 'content:replicator',
    id: 'bafk',
    sizeBytes: 5,
    msg: 'chunk stored',
  })
  assert.match(`${time}`, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('secrets never reach the output, at the top or one level down', () => {
  const names = ['token', 'key', 'seed', 'secret', 'passphrase', 'authorization', 'link', 'invite']
  const { text, lines } = logged('debug', (log) => {
    for (const name of names) {
      log.info('top', { [name]: 'sesame' })
      log.error('nested', { request: { [name]: 'sesame', path: '/' } })
    }
  })
  assert.equal(lines.length, 2 * names.length)
  assert.doesNotMatch(text, /sesame/)
  assert.equal(text.match(/\[secret\]/g)?.length, 2 * names.length)
})

test('an error is written with its code and stack, and what is below the level is not written', () => {
  const { lines } = logged('warn', (log) => {
    log.debug('hidden')
    log.info('hidden')
    log.warn('slow', { error: new DeadlineError({ what: 'The peer', timeoutMs: 5 }) })
    log.error('broken')
  })
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['slow', 'broken'],
  )
  const error = lines[0]?.error as Record<string, unknown>
  assert.equal(error.code, 'DEADLINE_EXCEEDED')
  assert.match(`${error.stack}`, /log\.test\.ts/)
})

/**
 * Logs 200 KiB in a process of its own, more than any pipe holds, and says on standard output when it is through.
 * Touching `process.stderr` makes the pipe non-blocking, as it is in the command line.
 */
const CHATTERBOX = `
  import { createLogger } from ${JSON.stringify(new URL('log.ts', import.meta.url).href)}
  process.stderr.on('error', () => {})
  const log = createLogger({ level: 'info' })
  for (let line = 0; line < 200; line++) log.info('a line', { text: 'x'.repeat(1024) })
  process.stdout.write('through')
`
const THROUGH_MS_MAX = 10_000

test('a log that nobody reads does not stop the program', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', CHATTERBOX])
  try {
    const [text] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(THROUGH_MS_MAX) })
    assert.equal(String(text), 'through')
  } finally {
    child.kill('SIGKILL')
  }
})

test('a log on a full disk, or whose reader is gone, does not stop the program', {
  skip: noFullDevice(),
}, () => {
  for (const redirection of ['2>/dev/full', '2>&-', '2> >(exit)']) {
    const line = `exec "$0" --input-type=module --eval "$1" ${redirection}`
    const finished = spawnSync('bash', ['-c', line, process.execPath, CHATTERBOX], {
      timeout: THROUGH_MS_MAX,
    })
    assert.equal(String(finished.stdout), 'through', redirection)
    assert.equal(finished.status, 0, redirection)
  }
})

test('the silent logger and its parts take everything and say nothing', () => {
  const { text } = logged('silent', (log) => log.error('hidden'))
  assert.equal(text, '')
  silentLogger.named('part').error('nothing', { error: new Error('x') })
  assert.equal(silentLogger.named('part'), silentLogger)
})

function noFullDevice(): string | false {
  return existsSync('/dev/full') ? false : 'NOT TESTED: this system has no /dev/full'
}
