/** Bringing files and folders to their place, with nodes that break off, lie about lengths, or take their time. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { SystemClock } from '../../core/clock.ts'
import { isKizunaError, KizunaError } from '../../core/kizuna-error.ts'
import { NodeLostError } from './errors.ts'
import type { ContentCall, NodeConnection } from './node-connection.ts'
import { partNameOf, receiveFile } from './receive-file.ts'
import { receiveFolder } from './receive-folder.ts'

const MIB = 1024 * 1024
const root = mkdtempSync(join(tmpdir(), 'kizuna-receive-'))
after(() => rmSync(root, { recursive: true, force: true }))
const clock = new SystemClock()
const bytes = randomBytes(12 * MIB)
const id = 'bafkreitest12345678'
let count = 0
const newPlace = (name = 'out.bin') => join(root, String(++count), name)
const options = () => ({ signal: new AbortController().signal, onBytes: () => {} })
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

/** A node that has `contents`; `before` may fail a call or say how much of it comes. */
function nodeWith(
  contents: Record<string, Uint8Array>,
  before: (call: ContentCall, number: number) => number | undefined = () => undefined,
) {
  const calls: ContentCall[] = []
  const node: NodeConnection = {
    isRunning: true,
    run: async () => ({}),
    async *read(call) {
      calls.push(call)
      const whole = contents[call.id] ?? new Uint8Array()
      const until = before(call, calls.length) ?? whole.byteLength
      for (let offset = call.offset; offset < until; offset += 256 * 1024) {
        yield whole.subarray(offset, Math.min(offset + 256 * 1024, until))
      }
      if (until < whole.byteLength) throw new NodeLostError({ url: 'test' })
    },
    close: async () => {},
  }
  return { node, calls, clock }
}

test('a file comes to its place whole, in one step, and leaves nothing beside it [B-34]', async () => {
  const output = newPlace()
  await receiveFile(
    nodeWith({ [id]: bytes }),
    { id, sizeBytes: bytes.byteLength, output, force: false },
    options(),
  )
  assert.ok(readFileSync(output).equals(bytes))
  assert.deepEqual(readdirSync(dirname(output)), ['out.bin'])
})

test('an empty file is a file', async () => {
  const output = newPlace()
  await receiveFile(
    nodeWith({ [id]: new Uint8Array() }),
    { id, sizeBytes: 0, output, force: false },
    options(),
  )
  assert.equal(readFileSync(output).byteLength, 0)
})

test('what an earlier attempt brought in is continued, but for the last bytes before a crash', async () => {
  const output = newPlace()
  mkdirSync(dirname(output))
  writeFileSync(
    join(dirname(output), partNameOf(output, id)),
    Buffer.concat([bytes.subarray(0, 9 * MIB), Buffer.alloc(MIB)]),
  )
  const parts = nodeWith({ [id]: bytes })
  const { resumedAt } = await receiveFile(
    parts,
    { id, sizeBytes: bytes.byteLength, output, force: false },
    options(),
  )
  assert.equal(resumedAt, 6 * MIB)
  assert.deepEqual(
    parts.calls.map(({ offset }) => offset),
    [6 * MIB],
  )
  assert.ok(readFileSync(output).equals(bytes))
})

test('a part that is longer than the content is begun anew', async () => {
  const output = newPlace()
  mkdirSync(dirname(output))
  writeFileSync(join(dirname(output), partNameOf(output, id)), Buffer.alloc(13 * MIB))
  await receiveFile(
    nodeWith({ [id]: bytes }),
    { id, sizeBytes: bytes.byteLength, output, force: false },
    options(),
  )
  assert.ok(readFileSync(output).equals(bytes))
})

test('a connection that breaks off is taken up where it stopped', async () => {
  const output = newPlace()
  const parts = nodeWith({ [id]: bytes }, (_, number) => (number < 4 ? number * 3 * MIB : undefined))
  await receiveFile(parts, { id, sizeBytes: bytes.byteLength, output, force: false }, options())
  assert.deepEqual(
    parts.calls.map(({ offset }) => offset / MIB),
    [0, 3, 6, 9],
  )
  assert.ok(readFileSync(output).equals(bytes))
})

test('when the rest cannot be had the reason is told and nothing stands under the final name', async () => {
  const output = newPlace()
  const gone = new KizunaError({
    code: 'CONTENT_UNREACHABLE',
    kind: 'unavailable',
    message: 'Gone.',
    hint: 'Wait.',
  })
  const parts = nodeWith({ [id]: bytes }, (_, number) => {
    if (number > 1) throw gone
    return 5 * MIB
  })
  const wanted = { id, sizeBytes: bytes.byteLength, output, force: false }
  await assert.rejects(receiveFile(parts, wanted, options()), withCode('CONTENT_UNREACHABLE'))
  assert.ok(!existsSync(output))
  assert.ok(existsSync(join(dirname(output), partNameOf(output, id))), 'what came is kept')
})

test('more bytes than the content has never reach the output', async () => {
  const output = newPlace()
  const wanted = { id, sizeBytes: 3 * MIB, output, force: false }
  await assert.rejects(
    receiveFile(nodeWith({ [id]: bytes }), wanted, options()),
    withCode('LONGER_THAN_SAID'),
  )
  assert.ok(!existsSync(output))
})

test('nothing is replaced without --force', async () => {
  const output = newPlace()
  mkdirSync(dirname(output))
  writeFileSync(output, 'precious')
  const wanted = { id, sizeBytes: bytes.byteLength, output }
  await assert.rejects(
    receiveFile(nodeWith({ [id]: bytes }), { ...wanted, force: false }, options()),
    withCode('OUTPUT_EXISTS'),
  )
  assert.equal(readFileSync(output, 'utf8'), 'precious')
  const late = newPlace()
  const parts = nodeWith({ [id]: bytes }, () => {
    // Somebody else writes there while we fetch.
    writeFileSync(late, 'theirs')
    return undefined
  })
  await assert.rejects(
    receiveFile(parts, { ...wanted, output: late, force: false }, options()),
    withCode('OUTPUT_EXISTS'),
  )
  assert.equal(readFileSync(late, 'utf8'), 'theirs')
  await receiveFile(nodeWith({ [id]: bytes }), { ...wanted, force: true }, options())
  assert.ok(readFileSync(output).equals(bytes))
})

test('two that write one output at once do not mix their bytes', async () => {
  const output = newPlace()
  const wanted = { id, sizeBytes: bytes.byteLength, output, force: false }
  const outcomes = await Promise.allSettled([
    receiveFile(nodeWith({ [id]: bytes }), wanted, options()),
    receiveFile(nodeWith({ [id]: bytes }), wanted, options()),
  ])
  const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  assert.ok(isKizunaError(failed.reason, 'OUTPUT_BUSY'))
  assert.ok(readFileSync(output).equals(bytes))
})

test('an output that cannot be written is said so', async () => {
  const output = join(newPlace('a-file'), 'below')
  mkdirSync(dirname(dirname(output)))
  writeFileSync(dirname(output), '')
  const wanted = { id, sizeBytes: 1, output, force: false }
  await assert.rejects(
    receiveFile(nodeWith({ [id]: Buffer.of(1) }), wanted, options()),
    withCode('OUTPUT_UNWRITABLE'),
  )
})

test('a folder comes to its place whole; an interrupted one goes on with the files it lacks', async () => {
  const output = newPlace('album')
  const contents: Record<string, Uint8Array> = {
    one: randomBytes(1000),
    two: randomBytes(2000),
    three: randomBytes(0),
  }
  const files = [
    { id: 'one', path: 'one.bin', sizeBytes: 1000 },
    { id: 'two', path: 'inner/two.bin', sizeBytes: 2000 },
    { id: 'three', path: 'inner/empty', sizeBytes: 0 },
  ]
  const broken = new KizunaError({ code: 'X', kind: 'missing', message: 'X.', hint: 'X.' })
  const failing = nodeWith(contents, (call) => {
    if (call.id === 'two') throw broken
    return undefined
  })
  const wanted = { id, files, output, force: false }
  await assert.rejects(receiveFolder(failing, wanted, options()), withCode('X'))
  assert.ok(!existsSync(output))
  const parts = nodeWith(contents)
  assert.equal((await receiveFolder(parts, wanted, options())).resumedBytes, 1000)
  assert.ok(!parts.calls.some((call) => call.id === 'one'))
  for (const { id: name, path } of files) {
    const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
    assert.equal(digest(readFileSync(join(output, path))), digest(contents[name] ?? Buffer.alloc(1)))
  }
  await assert.rejects(receiveFolder(parts, wanted, options()), withCode('OUTPUT_EXISTS'))
})

test('a path that leads out of the folder is refused before anything is written', async () => {
  for (const path of ['../evil', '/etc/evil', 'inner/../../evil', 'a\0b', '.', '']) {
    const output = newPlace('album')
    const wanted = { id, files: [{ id: 'one', path, sizeBytes: 1 }], output, force: false }
    await assert.rejects(
      receiveFolder(nodeWith({ one: Buffer.of(1) }), wanted, options()),
      withCode('INVALID_INPUT'),
    )
    assert.ok(!existsSync(dirname(output)))
  }
})

test('a link or a second name in the place of the part is refused, and nothing is written through it [R-14]', async () => {
  const victim = newPlace('victim.txt')
  mkdirSync(dirname(victim))
  writeFileSync(victim, 'mine')
  for (const plant of [symlinkSync, linkSync]) {
    const output = newPlace()
    mkdirSync(dirname(output))
    plant(victim, join(dirname(output), partNameOf(output, id)))
    await assert.rejects(
      receiveFile(nodeWith({ [id]: bytes }), { id, sizeBytes: 5, output, force: true }, options()),
      withCode('OUTPUT_UNWRITABLE'),
    )
    assert.equal(readFileSync(victim, 'utf8'), 'mine')
  }
})

test('a link in the place of a folder on the way is refused [R-14]', async () => {
  const outside = newPlace('outside')
  mkdirSync(outside, { recursive: true })
  const files = [{ id, path: 'a/b.bin', sizeBytes: bytes.byteLength }]
  const receive = (output: string) =>
    receiveFolder(nodeWith({ [id]: bytes }), { id, files, output, force: false }, options())
  const [whole, inner] = [newPlace('album'), newPlace('album')]
  mkdirSync(dirname(whole))
  symlinkSync(outside, join(dirname(whole), partNameOf(whole, id)))
  mkdirSync(join(dirname(inner), partNameOf(inner, id)), { recursive: true })
  symlinkSync(outside, join(dirname(inner), partNameOf(inner, id), 'a'))
  for (const output of [whole, inner]) await assert.rejects(receive(output), withCode('OUTPUT_UNWRITABLE'))
  assert.deepEqual(readdirSync(outside), [])
  const good = newPlace('album')
  await receive(good)
  assert.ok(readFileSync(join(good, 'a', 'b.bin')).equals(bytes))
})
