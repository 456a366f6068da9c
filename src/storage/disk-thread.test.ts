import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { testDisk } from './disk.suite.ts'
import { threadListens } from './disk-thread.suite.ts'
import { DiskThread } from './disk-thread.ts'
import { createFileDisk } from './file-disk.ts'

const MIB = 1024 * 1024
const base = mkdtempSync(join(tmpdir(), 'kizuna-disk-thread-'))
let count = 0
const newRoot = () => join(base, String(count++))
const opened: DiskThread[] = []
function newThread(options: { program?: URL } = {}): DiskThread {
  const thread = new DiskThread(options)
  opened.push(thread)
  return thread
}
after(async () => {
  await Promise.all(opened.map((thread) => thread.close()))
  rmSync(base, { recursive: true })
})

const shared = (sizeBytes: number, fill = 7) => new Uint8Array(new SharedArrayBuffer(sizeBytes)).fill(fill)
const programOf = (code: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'\n${code}`)}`,
  )

testDisk('file disk with a thread', async () => {
  const thread = newThread()
  await threadListens(thread)
  return createFileDisk(newRoot(), { thread })
})

test('who asks seldom gets no thread', () => {
  const thread = newThread()
  for (let asked = 0; asked < 511; asked++)
    assert.equal(thread.do({ kind: 'sync-folders', paths: [] }), undefined)
  assert.equal(thread.isStarted, false)
  assert.equal(thread.do({ kind: 'sync-folders', paths: [] }), undefined)
  assert.equal(thread.isStarted, true)
})

test('what would wait too long is not for the thread', async () => {
  const quick = newThread()
  await threadListens(quick)
  const askAll = (thread: DiskThread) => {
    const answers: Promise<unknown>[] = []
    for (let asked = 0; asked < 100; asked++) {
      const answer = thread.do({ kind: 'sync-folders', paths: [] })
      if (answer !== undefined) answers.push(answer)
    }
    return answers
  }
  const answers = askAll(quick)
  assert.equal(answers.length, 64, 'however quick it is')
  await Promise.all(answers)
  const slow = newThread({
    program: programOf(`
      parentPort.postMessage('ready')
      parentPort.on('message', (question) => {
        if (question === 'end') parentPort.close()
        else parentPort.postMessage({ id: question.id, outcome: { kind: 'done', loadedBytes: 0 }, durationMs: 20 })
      })`),
  })
  await threadListens(slow)
  assert.equal(askAll(slow).length, 3, 'a fourth one would wait for 6 ms')
})

test('what a thread leaves undone is done without it, and after three deaths there is no thread', async () => {
  // Whatever it is asked, it leaves half a file and ends.
  const thread = newThread({
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
  const disk = createFileDisk(root, { thread })
  await disk.makeFolder('f')
  await disk.writeFile('b', Buffer.from('loaded'))
  const into = shared(6)
  const operations = [
    () => disk.loadFile('b', 6, into),
    () => disk.saveFile({ path: 'f/a', temporary: 'f/a.tmp', bytes: shared(5, 65) }),
    () => disk.syncFolders(['f']),
  ]
  for (const operation of operations) {
    while (!thread.isStarted) await operation()
    while (thread.isStarted) await operation()
  }
  assert.equal(Buffer.from(into).toString(), 'loaded')
  assert.equal(readFileSync(join(root, 'f/a'), 'latin1'), 'AAAAA')
  assert.deepEqual(readdirSync(join(root, 'f')), ['a'])
  for (let asked = 0; asked < 1_000; asked++) await disk.syncFolders(['f'])
  assert.equal(thread.isStarted, false)
})

test('a file is whole again when its thread ended after the rename', async () => {
  const thread = newThread({
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
  const disk = createFileDisk(root, { thread })
  const save = () => disk.saveFile({ path: 'a', temporary: 'a.tmp', bytes: shared(5, 65) })
  while (!thread.isStarted) await save()
  while (thread.isStarted) await save()
  assert.deepEqual(readdirSync(root), ['a'])
  assert.equal(readFileSync(join(root, 'a'), 'latin1'), 'AAAAA')
})

test('a close waits for what was asked, and afterwards the disk works without it', async () => {
  const thread = newThread()
  const root = newRoot()
  const disk = createFileDisk(root, { thread })
  await threadListens(thread)
  const saves = Array.from({ length: 20 }, (_, at) =>
    disk.saveFile({ path: `f${at}`, temporary: `t${at}`, bytes: shared(MIB, at) }),
  )
  const order: string[] = []
  const saved = Promise.all(saves).then(() => order.push('saved'))
  await thread.close().then(() => order.push('closed'))
  await saved
  assert.deepEqual(order, ['saved', 'closed'])
  assert.equal(readdirSync(root).length, 20)
  assert.equal(thread.isStarted, false)
  await thread.close()
  await disk.saveFile({ path: 'later', temporary: 't', bytes: shared(3, 66) })
  assert.equal(Buffer.from(await disk.loadFile('later', 3, shared(3))).toString(), 'BBB')
  assert.equal(thread.do({ kind: 'sync-folders', paths: [] }), undefined)
})

test('a thread that has nothing to do does not keep the process alive, one at work does', async () => {
  const root = newRoot()
  mkdirSync(root)
  const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const program = join(base, 'falls-off-its-end.mjs')
  writeFileSync(
    program,
    `import { DiskThread } from ${here('./disk-thread.ts')}
     import { threadListens } from ${here('./disk-thread.suite.ts')}
     import { createFileDisk } from ${here('./file-disk.ts')}
     const thread = new DiskThread()
     const disk = createFileDisk(${JSON.stringify(root)}, { thread })
     await threadListens(thread)
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
  const thread = newThread()
  const disk = createFileDisk(root, { thread })
  await threadListens(thread)
  const save = () => disk.saveFile({ path: 'a', temporary: 'a.tmp', bytes: shared(2 * MIB) })
  await assert.rejects(save(), (error) => isKizunaError(error, 'DISK_FULL'))
  assert.deepEqual(readdirSync(root), [])
  assert.equal(thread.isStarted, true)
})
