import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLogger, type LogFields } from './log.ts'
import { openLogFile } from './log-file.ts'

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const parent = mkdtempSync(join(tmpdir(), 'kizuna-logs-'))
  try {
    await work(join(parent, 'logs'))
  } finally {
    rmSync(parent, { recursive: true })
  }
}

test('logs lie in a folder of their own that only its owner can look into [A-60]', () =>
  inFolder(async (folder) => {
    const log = createLogger({ level: 'info', destination: '/dev/null', folder })
    log.info('node ready', { peers: 3 })
    log.debug('too fine')
    await log.close()
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(statSync(join(folder, 'kizuna.log')).mode & 0o777, 0o600)
    const lines = readFileSync(join(folder, 'kizuna.log'), 'utf8').trim().split('\n')
    assert.equal(lines.length, 1)
    assert.equal(JSON.parse(lines[0] ?? '').msg, 'node ready')
  }))

test('a file that is full makes room for a new one, and at most 14 old ones stay [A-60]', () =>
  inFolder(async (folder) => {
    const line = `${'x'.repeat(1024 * 1024 - 1)}\n`
    for (let round = 0; round < 17; round++) {
      const file = openLogFile(folder, { waitingMax: 64 * 1024 * 1024 })
      for (let count = 0; count < 11; count++) file.write(line)
      await file.finish()
    }
    const files = readdirSync(folder).filter((name) => name.startsWith('kizuna.log'))
    assert.ok(files.length > 5 && files.length <= 15, `${files.length} files`)
    for (const file of files) assert.ok(statSync(join(folder, file)).size <= 22 * 1024 * 1024, file)
  }))

test('how much is logged changes while the program runs, for parts that are there already, too [A-54]', () =>
  inFolder(async (folder) => {
    const log = createLogger({ level: 'warn', destination: '/dev/null', folder })
    const part = log.named('content')
    part.debug('one')
    log.setLevel('debug')
    part.debug('two')
    log.debug('three')
    log.setLevel('error')
    part.warn('four')
    await log.close()
    const said = readFileSync(join(folder, 'kizuna.log'), 'utf8').trim().split('\n')
    assert.deepEqual(
      said.map((line) => JSON.parse(line).msg),
      ['two', 'three'],
    )
  }))

test('a folder that takes no files costs the log and nothing else', () =>
  inFolder(async (folder) => {
    const log = createLogger({ level: 'info', destination: '/dev/null', folder })
    log.info('one')
    await log.close()
    rmSync(folder, { recursive: true })
    writeFileSync(folder, 'in the way')
    const other = openLogFile(join(folder, '..'), { waitingMax: 10 })
    other.write('longer than what may wait, once something waits')
    await other.finish()
  }))

test('errors are heard by whoever reports them elsewhere, with their part and fields', () => {
  const log = createLogger({ level: 'error', destination: '/dev/null' })
  const heard: [string, LogFields][] = []
  log.onError((event, fields) => heard.push([event, fields]))
  log.named('content').error('it broke', { id: 'bafk' })
  log.warn('not so bad')
  assert.deepEqual(heard, [['it broke', { part: 'content', id: 'bafk' }]])
})
