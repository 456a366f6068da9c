import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { testDisk } from './disk.suite.ts'
import { threadListens } from './disk-threads.suite.ts'
import { DiskThreads } from './disk-threads.ts'
import { createFileDisk } from './file-disk.ts'

const MIB = 1024 * 1024
const base = mkdtempSync(join(tmpdir(), 'kizuna-disk-threads-'))
let count = 0
const newRoot = () => join(base, String(count++))
const opened: DiskThreads[] = []
function newThreads(options: { program?: URL } = {}): DiskThreads {
  const threads = new DiskThreads(options)
  opened.push(threads)
  return threads
}
after(async () => {
  await Promise.all(opened.map((threads) => threads.close()))
  rmSync(base, { recursive: true })
})

const shared = (sizeBytes: number, fill = 7) => new Uint8Array(new SharedArrayBuffer(sizeBytes)).fill(fill)
const programOf = (code: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'\n${code}`)}`,
  )

testDisk('file disk with threads', async () => {
  const threads = newThreads()
  await threadListens(threads)
  return createFileDisk(newRoot(), { threads })
})

test('who asks seldom gets no thread', () => {
  const threads = newThreads()
  for (let asked = 0; asked < 255; asked++)
    assert.equal(threads.do({ kind: 'sync-folders', paths: [] }), undefined)
  assert.equal(threads.count, 0)
  assert.equal(threads.do({ kind: 'sync-folders', paths: [] }), undefined)
  assert.equal(threads.count, 1)
})

test('more threads start while those there have much to do, four at most', { timeout: 60_000 }, async () => {
  const threads = newThreads()
  const disk = createFileDisk(newRoot(), { threads })
  await disk.makeFolder('tmp')
  await threadListens(threads)
  assert.equal(threads.count, 1)
  const bytes = shared(2 * MIB)
  let saved = 0
  const save = () => disk.saveFile({ path: 'a', temporary: `tmp/${saved++}`, bytes })
  const saveMany = () => Promise.all(Array.from({ length: 256 }, save))
  while (threads.count < 4) await saveMany()
  await saveMany()
  assert.equal(threads.count, 4)
  assert.equal(await disk.sizeOf('a'), 2 * MIB)
})

test('what a thread leaves undone is done without it, and after three deaths there are no threads', async () => {
  // Whatever it is asked, it leaves half a file and ends.
  const threads = newThreads({
    program: programOf(`
      import { writeFileSync } from 'node:fs'
      parentPort.postMessage('ready')
      parentPort.on('message', ({ work }) => {
        if (work.temporary !== undefined) writeFileSync(work.temporary, 'half')
        if (work.kind === 'load') throw new Error('out of memory')
        process.exit(1)
      })`),
  })
  const root = newRoot()
  const disk = createFileDisk(root, { threads })
  await disk.makeFolder('f')
  await disk.writeFile('b', Buffer.from('loaded'))
  const into = shared(6)
  const operations = [
    () => disk.loadFile('b', 6, into),
    () => disk.saveFile({ path: 'f/a', temporary: 'f/a.tmp', bytes: shared(5, 65) }),
    () => disk.syncFolders(['f']),
  ]
  for (const operation of operations) {
    while (threads.count === 0) await operation()
    while (threads.count === 1) await operation()
  }
  assert.equal(Buffer.from(into).toString(), 'loaded')
  assert.equal(readFileSync(join(root, 'f/a'), 'latin1'), 'AAAAA')
  assert.deepEqual(readdirSync(join(root, 'f')), ['a'])
  for (let asked = 0; asked < 1_000; asked++) await disk.syncFolders(['f'])
  assert.equal(threads.count, 0)
})

test('a file is whole again when its thread ended after the rename', async () => {
  const threads = newThreads({
    program: programOf(`
      import { renameSync, writeFileSync } from 'node:fs'
      parentPort.postMessage('ready')
      parentPort.on('message', ({ work }) => {
        writeFileSync(work.temporary, 'AAAAA')
        renameSync(work.temporary, work.path)
        process.exit(1)
      })`),
  })
  const root = newRoot()
  const disk = createFileDisk(root, { threads })
  const save = () => disk.saveFile({ path: 'a', temporary: 'a.tmp', bytes: shared(5, 65) })
  while (threads.count === 0) await save()
  while (threads.count === 1) await save()
  assert.deepEqual(readdirSync(root), ['a'])
  assert.equal(readFileSync(join(root, 'a'), 'latin1'), 'AAAAA')
})

test('a close waits for what was asked, and afterwards the disk works without threads', async () => {
  const threads = newThreads()
  const root = newRoot()
  const disk = createFileDisk(root, { threads })
  await threadListens(threads)
  const saves = Array.from({ length: 20 }, (_, at) =>
    disk.saveFile({ path: `f${at}`, temporary: `t${at}`, bytes: shared(MIB, at) }),
  )
  const order: string[] = []
  const saved = Promise.all(saves).then(() => order.push('saved'))
  await threads.close().then(() => order.push('closed'))
  await saved
  assert.deepEqual(order, ['saved', 'closed'])
  assert.equal(readdirSync(root).length, 20)
  assert.equal(threads.count, 0)
  await threads.close()
  await disk.saveFile({ path: 'later', temporary: 't', bytes: shared(3, 66) })
  assert.equal(Buffer.from(await disk.loadFile('later', 3, shared(3))).toString(), 'BBB')
  assert.equal(threads.do({ kind: 'sync-folders', paths: [] }), undefined)
})

test('a thread that has nothing to do does not keep the process alive, one at work does', async () => {
  const root = newRoot()
  mkdirSync(root)
  const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const program = join(base, 'falls-off-its-end.mjs')
  writeFileSync(
    program,
    `import { DiskThreads } from ${here('./disk-threads.ts')}
     import { threadListens } from ${here('./disk-threads.suite.ts')}
     import { createFileDisk } from ${here('./file-disk.ts')}
     const threads = new DiskThreads()
     const disk = createFileDisk(${JSON.stringify(root)}, { threads })
     await threadListens(threads)
     const bytes = new Uint8Array(new SharedArrayBuffer(2 * ${MIB}))
     for (const at of [1, 2, 3]) disk.saveFile({ path: 'f' + at, temporary: 't' + at, bytes })`,
  )
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.deepEqual(readdirSync(root).sort(), ['f1', 'f2', 'f3'])
})

test('a full disk is told by a thread as well', async (t) => {
  const root = newRoot()
  mkdirSync(root)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', root])
  if (mounted.status !== 0) {
    t.skip(
      'SKIPPED: a disk of one MiB can only be mounted by root, so nobody has seen a thread meet a full one',
    )
    return
  }
  t.after(() => spawnSync('umount', [root]))
  const threads = newThreads()
  const disk = createFileDisk(root, { threads })
  await threadListens(threads)
  const save = () => disk.saveFile({ path: 'a', temporary: 'a.tmp', bytes: shared(2 * MIB) })
  await assert.rejects(save(), (error) => isKizunaError(error, 'DISK_FULL'))
  assert.deepEqual(readdirSync(root), [])
  assert.equal(threads.count, 1)
})
