import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createFileDisk } from '../storage/file-disk.ts'
import { loadConfig } from './config.ts'
import { readConfigFile } from './config-file.ts'
import { Configuration } from './configuration.ts'
import { ConfigError, UnknownSettingError } from './errors.ts'

const root = mkdtempSync(join(tmpdir(), 'kizuna-configuration-'))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0

function open(flags: Record<string, unknown> = {}) {
  const home = join(root, String(++count))
  const sources = { userHome: root, flags: { home, ...flags } }
  const disk = createFileDisk(home)
  return { home, configuration: new Configuration({ disk, sources }, loadConfig(sources)) }
}

test('a changed setting is kept in the file, in its own type, for the next start [K-49]', async () => {
  const { home, configuration } = open()
  const { inForce, setting } = await configuration.set('port', '5001')
  assert.deepEqual([inForce, setting.value, setting.stored], [false, 4001, 5001])
  assert.deepEqual(JSON.parse(readFileSync(join(home, 'config.json'), 'utf8')), { port: 5001 })
  const again = loadConfig({ userHome: root, flags: { home }, file: await readConfigFile(home) })
  assert.equal(again.port, 5001)
  await configuration.set('port', undefined)
  assert.deepEqual(await readConfigFile(home), {})
})

test('a setting that can take effect at once does', async () => {
  const { configuration } = open()
  const applied: number[] = []
  configuration.onChange(['uploadBytesPerSecondMax'], (_, next) => {
    applied.push(next.uploadBytesPerSecondMax)
  })
  const { inForce, setting } = await configuration.set('--upload-bytes-per-second-max', '2MB')
  assert.deepEqual([inForce, setting.value, applied], [true, 2e6, [2e6]])
})

test('a change that would make the whole invalid is refused and leaves the file as it was', async () => {
  const { home, configuration } = open()
  await configuration.set('policy', 'rs:4+2')
  const before = readFileSync(join(home, 'config.json'), 'utf8')
  await assert.rejects(configuration.set('copies', 2), ConfigError)
  await assert.rejects(configuration.set('port', 'many'), ConfigError)
  await assert.rejects(configuration.set('colour', 'red'), UnknownSettingError)
  await assert.rejects(configuration.set('home', '/elsewhere'), UnknownSettingError)
  assert.equal(readFileSync(join(home, 'config.json'), 'utf8'), before)
})

test('when a setting that should take effect is refused, it is not stored either', async () => {
  const { home, configuration } = open()
  configuration.onChange(['admission'], () => {
    throw new Error('only the founder')
  })
  await assert.rejects(configuration.set('admission', 'invite'), /only the founder/)
  assert.deepEqual(await readConfigFile(home), {})
  assert.equal(configuration.get('admission').value, 'open')
})

test('a file that is no settings file is refused with the reason', async () => {
  const { home } = open()
  for (const text of ['', '{', '[]', '7', 'null', ' '.repeat(300_000)]) {
    writeFileSync(join(home, 'config.json'), text)
    await assert.rejects(readConfigFile(home), ConfigError)
  }
})
