import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

test('the silent logger and its parts take everything and say nothing', () => {
  const { text } = logged('silent', (log) => log.error('hidden'))
  assert.equal(text, '')
  silentLogger.named('part').error('nothing', { error: new Error('x') })
  assert.equal(silentLogger.named('part'), silentLogger)
})
