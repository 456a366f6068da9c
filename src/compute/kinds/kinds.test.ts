/** What each kind of task does with good and hostile input, in real threads on contents in memory. */
import assert from 'node:assert/strict'
import { createHash, hash } from 'node:crypto'
import { test } from 'node:test'
import type { Content } from '../../content/content.ts'
import { ContentNotFoundError } from '../../content/errors.ts'
import { SystemClock } from '../../core/clock.ts'
import { type ContentId, contentIdOf } from '../../core/content-id.ts'
import type { TaskFacts, TaskKind } from '../task.ts'
import { readTaskInput } from '../task-input.ts'
import type { TaskWork } from '../task-worker.ts'
import { createRunners } from './create-runners.ts'
import { fitInto, readImageSize } from './image-size.ts'
import { BREAK, buildModule, FOR_EVER, GROW } from './wasm-builder.suite.ts'
import { refuseModule } from './wasm-module.ts'

const MIB = 2 ** 20
const shelf = new Map<ContentId, Uint8Array>()
const sizes = new Map<ContentId, number>()
const content = {
  async retrieve(id: ContentId) {
    const bytes = shelf.get(id)
    if (bytes === undefined) throw new ContentNotFoundError({ id, asked: [] })
    const pieces = async function* () {
      for (let at = 0; at < bytes.byteLength; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024)
    }
    return { id, kind: 'file' as const, sizeBytes: sizes.get(id) ?? bytes.byteLength, bytes: pieces() }
  },
  async publish(source: AsyncIterable<Uint8Array>) {
    return { id: put(Buffer.concat(await Array.fromAsync(source))) }
  },
} as unknown as Content
const runners = createRunners({
  content,
  chunks: { get: () => Promise.reject(new Error('none')) },
  network: {} as never,
  clock: new SystemClock(),
})

function put(bytes: Uint8Array): ContentId {
  const id = contentIdOf(bytes)
  shelf.set(id, Uint8Array.from(bytes))
  return id
}

function run(kind: TaskKind, input: TaskFacts, work: Partial<TaskWork> = {}): Promise<TaskFacts> {
  const runner = runners[kind] as (input: unknown, work: TaskWork) => Promise<TaskFacts>
  const signal = new AbortController().signal
  return runner(readTaskInput(kind, input), { signal, progress: () => {}, ...work })
}

/** A picture with a gradient, as `image-thread.ts` can make one. */
async function pictureOf(format: 'jpeg' | 'png', side: number): Promise<ContentId> {
  const made = await run('transcode-image', { content: put(tinyPng), sidePixels: side, format })
  return made.content === undefined ? put(made.data as Uint8Array) : (made.content as ContentId)
}

/** 4 × 2 pixels, written by hand with stored (uncompressed) data. */
const tinyPng = pngOf(4, 2)

test('hash gives what the system’s own hash gives, for every algorithm, and tells how far it is', async () => {
  const bytes = Buffer.alloc(3 * MIB, 'kizuna')
  const id = put(bytes)
  for (const algorithm of ['sha256', 'sha512', 'sha3-256', 'sha3-512', 'blake2b512']) {
    const told: number[] = []
    const result = await run(
      'hash',
      { content: id, algorithm },
      { progress: (percent) => told.push(percent) },
    )
    assert.deepEqual(result, {
      algorithm,
      hex: createHash(algorithm).update(bytes).digest('hex'),
      sizeBytes: bytes.length,
    })
    assert.ok(told.length > 10 && told.every((percent, index) => percent >= (told[index - 1] ?? 0)))
  }
})

test('an empty content has a hash, a missing one has none', async () => {
  const result = await run('hash', { content: put(new Uint8Array(0)) })
  assert.equal(result.hex, hash('sha256', ''))
  await assert.rejects(run('hash', { content: contentIdOf(Buffer.from('nowhere')) }), {
    code: 'CONTENT_NOT_FOUND',
  })
})

test('archive makes the same bundle whatever the order, and tar can read it', async () => {
  const a = put(Buffer.from('first'))
  const b = put(Buffer.alloc(1_000, 7))
  const empty = put(new Uint8Array(0))
  const entries = [
    { content: b, name: 'folder/b.bin' },
    { content: a, name: 'a.txt' },
    { content: empty, name: 'empty' },
  ]
  const made = await run('archive', { entries })
  const again = await run('archive', { entries: entries.toReversed() })
  assert.deepEqual(again, made)
  const bytes = Buffer.from(shelf.get(made.content as ContentId) as Uint8Array)
  assert.equal(bytes.length, made.sizeBytes)
  const read = readTar(bytes)
  assert.deepEqual([...read.keys()], ['a.txt', 'empty', 'folder/b.bin'])
  assert.equal(read.get('a.txt')?.toString(), 'first')
  assert.equal(read.get('folder/b.bin')?.equals(Buffer.alloc(1_000, 7)), true)
})

test('archive takes no name that leads out of the bundle, none twice, and no more than its limit', async () => {
  const a = put(Buffer.from('first'))
  for (const name of ['../a', '/a', 'a//b', 'a/..', '', 'a\\b', 'a\0', 'x'.repeat(101)])
    assert.throws(() => readTaskInput('archive', { entries: [{ content: a, name }] }), {
      code: 'INVALID_RECORD',
    })
  const twice = [a, a].map((each) => ({ content: each, name: 'same' }))
  assert.throws(() => readTaskInput('archive', { entries: twice }), { code: 'INVALID_RECORD' })
  const huge = put(Buffer.from('huge'))
  sizes.set(huge, 2 ** 31)
  await assert.rejects(run('archive', { entries: [{ content: huge, name: 'huge' }] }), {
    code: 'TASK_WORK_FAILED',
  })
})

test('transcode-image makes thumbnails of both formats that fit, and never enlarges', async () => {
  const big = await pictureOf('png', 320)
  const size = readImageSize(shelf.get(big) as Uint8Array)
  assert.deepEqual(size, { format: 'png', width: 4, height: 2 }, 'small ones stay as they are')
  const wide = put(pngOf(900, 300))
  for (const format of ['jpeg', 'png'] as const) {
    const made = await run('transcode-image', { content: wide, sidePixels: 90, format })
    assert.deepEqual([made.width, made.height, made.format], [90, 30, format])
    const bytes = (made.data ?? shelf.get(made.content as ContentId)) as Uint8Array
    assert.deepEqual(readImageSize(bytes), { format, width: 90, height: 30 })
    assert.equal(made.sha256, hash('sha256', bytes, 'hex'))
    const again = await run('transcode-image', { content: wide, sidePixels: 90, format })
    assert.deepEqual(again, made, 'the same picture gives the same thumbnail')
  }
  const jpeg = await run('transcode-image', { content: wide, sidePixels: 500, quality: 60 })
  const id = put((jpeg.data ?? shelf.get(jpeg.content as ContentId)) as Uint8Array)
  assert.equal((await run('transcode-image', { content: id, sidePixels: 100 })).width, 100)
})

test('transcode-image refuses what is no picture, broken ones and bombs, before and after decoding', async () => {
  const bomb = Buffer.from(tinyPng)
  bomb.writeUInt32BE(100_000, 16)
  bomb.writeUInt32BE(100_000, 20)
  const cut = put(pngOf(200, 200).subarray(0, 120))
  const cases: [string, Uint8Array | undefined, RegExp][] = [
    ['nothing', new Uint8Array(0), /neither/],
    ['text', Buffer.from('hello, I am a picture'), /neither/],
    ['a bomb', bomb, /more than 30000000 pixels/],
    [
      'a jpeg that is only a beginning',
      Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
      /neither/,
    ],
  ]
  for (const [what, bytes, message] of cases)
    await assert.rejects(run('transcode-image', { content: put(bytes as Uint8Array) }), { message }, what)
  await assert.rejects(run('transcode-image', { content: cut }), /cannot be decoded/)
  const long = put(Buffer.from('long'))
  sizes.set(long, 33 * MIB)
  await assert.rejects(run('transcode-image', { content: long }), { code: 'TASK_WORK_FAILED' })
})

test('wasm gives the module its input and takes its output', async () => {
  const module = put(buildModule())
  const result = await run('wasm', { module, data: Uint8Array.of(1, 2, 255) })
  assert.deepEqual(result.data, Uint8Array.of(254, 253, 0))
  assert.equal(result.sizeBytes, 3)
  const input = put(Buffer.alloc(60_000, 1))
  const long = await run('wasm', { module, content: input })
  assert.deepEqual(shelf.get(long.content as ContentId), Uint8Array.from(Buffer.alloc(60_000, 254)))
  const none = await run('wasm', { module })
  assert.equal(none.sizeBytes, 0)
})

test('wasm refuses modules that import, that may take too much memory, or that lack the interface', async () => {
  const bad: [Parameters<typeof buildModule>[0], RegExp][] = [
    [{ imports: true }, /imports something/],
    [{ memory: { initial: 1, maximum: undefined } }, /plain one with a maximum/],
    [{ memory: { initial: 1, maximum: 60_000 } }, /may grow beyond/],
    [{ tableMaximum: 200_000 }, /table of the module is too large/],
    [{ names: ['input', 'run', 'output', 'length'] }, /exports no function/],
    [{ run: BREAK }, /the module broke/],
  ]
  for (const [shape, message] of bad)
    await assert.rejects(run('wasm', { module: put(buildModule(shape)) }), {
      code: 'TASK_WORK_FAILED',
      message,
    })
  await assert.rejects(run('wasm', { module: put(Buffer.from('no module')) }), /no WebAssembly module/)
  await assert.rejects(
    run('wasm', { module: put(buildModule().subarray(0, 40)) }),
    /cut short|malformed|broke/,
  )
  const input = put(Buffer.alloc(3 * 64 * 1024))
  await assert.rejects(run('wasm', { module: put(buildModule()), content: input }), /input does not fit/)
})

test('wasm cannot grow beyond its maximum, and its time ends', async () => {
  assert.equal((await run('wasm', { module: put(buildModule({ run: GROW })) })).sizeBytes, 0)
  const module = put(buildModule({ run: FOR_EVER }))
  const clock = new SystemClock()
  const startedAt = clock.monotonic()
  let turns = 0
  const turn = setInterval(() => turns++, 10)
  await assert.rejects(run('wasm', { module, cpuMsMax: 500 }), { code: 'TASK_LIMIT_EXCEEDED' })
  clearInterval(turn)
  assert.ok(clock.monotonic() - startedAt < 35_000, 'its processor time ended it')
  assert.ok(turns > 10, 'the event loop went on meanwhile')
})

test('work that is not wanted any more ends at once', async () => {
  const control = new AbortController()
  const module = put(buildModule({ run: FOR_EVER }))
  const running = run('wasm', { module, cpuMsMax: 60_000 }, { signal: control.signal })
  setTimeout(() => control.abort(new Error('not wanted')), 200)
  await assert.rejects(running, /not wanted/)
})

test('every cut and every flipped byte of a module is refused or run, and never breaks the check', () => {
  const module = buildModule({ tableMaximum: 10 })
  assert.equal(refuseModule(module, MIB), undefined)
  for (let at = 0; at < module.byteLength; at++) {
    refuseModule(module.subarray(0, at), MIB)
    for (const bits of [1, 0x80, 0xff]) {
      const other = Uint8Array.from(module)
      other[at] = (other[at] ?? 0) ^ bits
      refuseModule(other, MIB)
    }
  }
})

test('sizes of pictures: fits the longer side, keeps at least a pixel', () => {
  assert.deepEqual(fitInto({ width: 4_000, height: 3_000 }, 320), { width: 320, height: 240 })
  assert.deepEqual(fitInto({ width: 10, height: 5_000 }, 100), { width: 1, height: 100 })
  assert.deepEqual(fitInto({ width: 10, height: 5 }, 100), { width: 10, height: 5 })
})

function readTar(bytes: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (let at = 0; bytes[at] !== 0; ) {
    const name = bytes.toString('utf8', at, bytes.indexOf(0, at))
    const sizeBytes = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8)
    files.set(name, bytes.subarray(at + 512, at + 512 + sizeBytes))
    at += 512 + Math.ceil(sizeBytes / 512) * 512
  }
  return files
}

/** A PNG picture with a gradient. */
function pngOf(width: number, height: number): Buffer {
  const { crc32, deflateSync } = process.getBuiltinModule('node:zlib')
  const rows = Buffer.alloc(height * (1 + width * 3))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      rows.set([(x * 255) / width, (y * 255) / height, 128], y * (1 + width * 3) + 1 + x * 3)
  }
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const head = Buffer.alloc(4)
    head.writeUInt32BE(data.length)
    const tail = Buffer.alloc(4)
    tail.writeUInt32BE(crc32(body))
    return Buffer.concat([head, body, tail])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([signature, ...parts])
}
