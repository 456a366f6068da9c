import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SystemRandom } from '../core/random.ts'
import { createFileDisk } from '../storage/file-disk.ts'
import { lockFolder, makeFolder, makePrivateFolder } from './data-folder.ts'
import { HomeUnusableError, IdentityUnreadableError, NodeRunningError } from './errors.ts'
import { openIdentity } from './identity.ts'

const root = mkdtempSync(join(tmpdir(), 'kizuna-folder-'))
after(() => rmSync(root, { recursive: true, force: true }))
const random = new SystemRandom()
let count = 0
async function newHome(): Promise<string> {
  const home = join(root, String(++count))
  await makePrivateFolder(home)
  return home
}

test('a data folder is for its owner only [B-44]', async () => {
  assert.equal(statSync(await newHome()).mode & 0o777, 0o700)
  const file = join(root, 'a-file')
  writeFileSync(file, '')
  await assert.rejects(makePrivateFolder(file), HomeUnusableError)
})

test('a data folder that others can look into is made private; a folder for downloads stays as it is [B-44]', async () => {
  for (const mode of [0o755, 0o770, 0o701]) {
    const home = join(root, `open-${mode}`)
    mkdirSync(home)
    chmodSync(home, mode)
    await makeFolder(home)
    assert.equal(statSync(home).mode & 0o777, mode)
    await makePrivateFolder(home)
    assert.equal(statSync(home).mode & 0o777, 0o700)
  }
})

test('a data folder of another user is refused in words, and left as it is [B-44]', (context) => {
  if (process.getuid?.() !== 0) return context.skip('NOT TESTED: giving a folder away needs root')
  const home = join(root, 'of-another')
  mkdirSync(home)
  chmodSync(home, 0o755)
  chownSync(home, 12_345, 12_345)
  return assert
    .rejects(makePrivateFolder(home), (error: unknown) => {
      assert.ok(error instanceof HomeUnusableError)
      assert.match(error.message, /belongs to another user/)
      return true
    })
    .then(() => assert.equal(statSync(home).mode & 0o777, 0o755))
})

test('one node at a time; the lock is free again afterwards', async () => {
  const home = await newHome()
  const lock = await lockFolder(home, random)
  await assert.rejects(lockFolder(home, random), (error: unknown) => {
    assert.ok(error instanceof NodeRunningError)
    assert.equal(error.details.pid, process.pid)
    return true
  })
  await lock.release()
  await (await lockFolder(home, random)).release()
})

test('a lock of another living process is respected, one of a dead process is taken over', async () => {
  const home = await newHome()
  const alive = { pid: process.ppid, started: startOf(process.ppid) }
  writeFileSync(join(home, 'lock'), JSON.stringify(alive))
  await assert.rejects(lockFolder(home, random), NodeRunningError)
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid, started: '' }))
  await (await lockFolder(home, random)).release()
})

test('a lock whose process id was given to another program is taken over', async () => {
  if (startOf(process.ppid) === '') return
  const home = await newHome()
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.ppid, started: '1' }))
  await (await lockFolder(home, random)).release()
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid, started: '1' }))
  await (await lockFolder(home, random)).release()
})

test('a lock torn by a crash is nobody’s', async () => {
  const home = await newHome()
  for (const torn of ['', '{"pid":', 'null', '{"pid":-1}', '{"pid":"x"}']) {
    writeFileSync(join(home, 'lock'), torn)
    await (await lockFolder(home, random)).release()
  }
})

test('of many who take over a stale lock at once exactly one wins', async () => {
  const home = await newHome()
  writeFileSync(join(home, 'lock'), '{"pid":')
  const script = `
    const { lockFolder } = await import(${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)})
    const { SystemRandom } = await import(${JSON.stringify(new URL('../core/random.ts', import.meta.url).href)})
    try { await lockFolder(process.argv[1], new SystemRandom()); console.log('won'); await new Promise((done) => process.stdin.once('end', done).resume()) } catch (error) { console.log(error.code) }`
  const { spawn } = await import('node:child_process')
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, home], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  const answers = await Promise.all(
    children.map(async (child) => {
      for await (const data of child.stdout) return String(data).trim()
      return ''
    }),
  )
  for (const child of children) child.stdin.end()
  assert.deepEqual(answers.sort(), ['NODE_RUNNING', 'NODE_RUNNING', 'NODE_RUNNING', 'won'])
})

test('an identity is made once, kept secret, and the same ever after [K-49]', async () => {
  const home = await newHome()
  const disk = createFileDisk(home)
  const first = await openIdentity({ disk, random })
  assert.equal((await openIdentity({ disk, random })).peerId, first.peerId)
  assert.equal(statSync(join(home, 'identity.key')).mode & 0o777, 0o600)
})

test('a damaged identity stops the node instead of making it somebody else', async () => {
  const home = await newHome()
  const disk = createFileDisk(home)
  await openIdentity({ disk, random })
  const path = join(home, 'identity.key')
  const whole = readFileSync(path, 'utf8')
  for (const damaged of ['', whole.slice(0, 40), whole.replace(/./, 'x'), 'x'.repeat(1000)]) {
    writeFileSync(path, damaged)
    await assert.rejects(openIdentity({ disk, random }), IdentityUnreadableError)
  }
})

function startOf(pid: number): string {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
