import { hash } from 'node:crypto'
import type { Content } from '../../content/content.ts'
import type { Clock } from '../../core/clock.ts'
import type { ContentId } from '../../core/content-id.ts'
import { TaskWorkError } from '../errors.ts'
import type { TaskFacts, TaskKind } from '../task.ts'
import { INLINE_BYTES_MAX } from '../task-input.ts'
import type { TaskRunners, TaskWork } from '../task-worker.ts'
import { runInThread } from './run-in-thread.ts'
import { type TarEntry, tarBytes, tarOf } from './tar.ts'
import { type VerifyParts, verifyChunks } from './verify-chunks.ts'

const MIB = 2 ** 20
const HASH_BYTES_MAX = 64 * 2 ** 30
const HASH_CPU_MS_MAX = 60 * 60_000
const ARCHIVE_BYTES_MAX = 2 ** 30
const IMAGE_BYTES_MAX = 32 * MIB
/** A photograph of 30 million pixels takes 120 MB when it is unpacked, a few times over. */
const IMAGE_PIXELS_MAX = 30_000_000
const IMAGE_CPU_MS_MAX = 60_000
const MODULE_BYTES_MAX = 4 * MIB
const WASM_INPUT_BYTES_MAX = 16 * MIB
const WASM_OUTPUT_BYTES_MAX = 16 * MIB
/** Whatever somebody makes, it is published the same way by everybody, or equal results would have different ids. */
const PUBLISHED = { policy: { kind: 'replica', copies: 3 }, profile: 'dds-256k' } as const

/** What doing tasks needs. */
export interface RunnerParts extends VerifyParts {
  content: Content
  clock: Clock
}

/** How this node does each kind of task. */
export function createRunners(parts: RunnerParts): TaskRunners {
  const { clock } = parts
  return {
    verify: (input, work) => verifyChunks(parts, input, work),

    async hash({ content, algorithm }, work) {
      const { sizeBytes, bytes } = await open(parts, 'hash', content, HASH_BYTES_MAX, work)
      const pieces = counted(bytes, sizeBytes, work)
      const program = new URL('./hash-thread.ts', import.meta.url)
      const cpuMsMax = HASH_CPU_MS_MAX
      const { signal } = work
      const made = await runInThread(clock, {
        kind: 'hash',
        program,
        data: { algorithm },
        cpuMsMax,
        signal,
        pieces,
      })
      return { algorithm, ...(made as { hex: string; sizeBytes: number }) }
    },

    async archive({ entries }, work) {
      const opened: (TarEntry & { content: ContentId })[] = []
      for (const { content, name } of entries) {
        // Sizes first: they stand before the bytes.
        const { sizeBytes } = await open(parts, 'archive', content, ARCHIVE_BYTES_MAX, work)
        const read = async () => (await open(parts, 'archive', content, ARCHIVE_BYTES_MAX, work)).bytes
        opened.push({ content, name, sizeBytes, open: read })
      }
      const sizeBytes = tarBytes(opened)
      if (sizeBytes > ARCHIVE_BYTES_MAX)
        throw new TaskWorkError({ kind: 'archive', reason: `it is over ${ARCHIVE_BYTES_MAX} bytes` })
      const pieces = counted(tarOf(opened), sizeBytes, work)
      const { signal } = work
      const { id } = await parts.content.publish(pieces, { ...PUBLISHED, sizeBytes, signal })
      return { content: id, sizeBytes, entries: entries.length }
    },

    async 'transcode-image'({ content, sidePixels, format, quality }, work) {
      const bytes = await readWhole(parts, 'transcode-image', content, IMAGE_BYTES_MAX, work)
      work.progress(30, 'decoding')
      const made = (await runInThread(clock, {
        kind: 'transcode-image',
        program: new URL('./image-thread.ts', import.meta.url),
        data: { bytes, sidePixels, format, quality, pixelsMax: IMAGE_PIXELS_MAX },
        cpuMsMax: IMAGE_CPU_MS_MAX,
        signal: work.signal,
      })) as { bytes: Uint8Array; width: number; height: number }
      work.progress(90, 'sharing')
      const { width, height } = made
      return { format, width, height, ...(await placed(parts, made.bytes, work)) }
    },

    async wasm({ module, content, data, memoryBytesMax, cpuMsMax }, work) {
      const code = await readWhole(parts, 'wasm', module, MODULE_BYTES_MAX, work)
      const input =
        content === undefined ? data : await readWhole(parts, 'wasm', content, WASM_INPUT_BYTES_MAX, work)
      work.progress(10, 'running')
      const made = (await runInThread(clock, {
        kind: 'wasm',
        program: new URL('./wasm-thread.ts', import.meta.url),
        data: { module: code, input, memoryBytesMax, outputBytesMax: WASM_OUTPUT_BYTES_MAX },
        cpuMsMax,
        signal: work.signal,
      })) as Uint8Array
      work.progress(95, 'sharing')
      return placed(parts, made, work)
    },
  }
}

/** Content opened for reading, when it is a file within the limit. */
async function open(
  { content }: RunnerParts,
  kind: TaskKind,
  id: ContentId,
  bytesMax: number,
  { signal }: TaskWork,
): Promise<{ sizeBytes: number; bytes: AsyncIterable<Uint8Array> }> {
  const opened = await content.retrieve(id, { signal })
  if (opened.kind !== 'file') throw new TaskWorkError({ kind, reason: `${id} is a folder` })
  if (opened.sizeBytes > bytesMax)
    throw new TaskWorkError({ kind, reason: `${id} has ${opened.sizeBytes} bytes, more than ${bytesMax}` })
  return opened
}

async function readWhole(
  parts: RunnerParts,
  kind: TaskKind,
  id: ContentId,
  bytesMax: number,
  work: TaskWork,
): Promise<Uint8Array<ArrayBuffer>> {
  const { sizeBytes, bytes } = await open(parts, kind, id, bytesMax, work)
  const whole = new Uint8Array(sizeBytes)
  let at = 0
  for await (const piece of bytes) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}

/** Tells how far a stream has come; publishing and the end are the last twentieth. */
async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  { signal, progress }: TaskWork,
): AsyncGenerator<Uint8Array> {
  let done = 0
  for await (const piece of bytes) {
    signal.throwIfAborted()
    yield piece
    done += piece.byteLength
    progress(Math.floor((95 * done) / Math.max(sizeBytes, 1)), `${done} of ${sizeBytes} bytes`)
  }
}

/** A small result stands in the facts, a long one becomes content of the space. */
async function placed({ content }: RunnerParts, bytes: Uint8Array, { signal }: TaskWork): Promise<TaskFacts> {
  const sizeBytes = bytes.byteLength
  const facts = { sizeBytes, sha256: hash('sha256', bytes, 'hex') }
  if (sizeBytes <= INLINE_BYTES_MAX) return { ...facts, data: bytes }
  const source = async function* () {
    yield bytes
  }
  const { id } = await content.publish(source(), { ...PUBLISHED, sizeBytes, signal })
  return { ...facts, content: id }
}
