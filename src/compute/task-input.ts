import { type ContentId, parseContentId } from '../core/content-id.ts'
import { type CborMap, ShapeReader } from '../records/cbor-shape.ts'
import { InvalidRecordError } from '../records/errors.ts'
import type { TaskFacts, TaskKind } from './task.ts'

/** Chunks that one `verify` names; a whole object may have more. */
export const VERIFY_CHUNKS_MAX = 500
/** Contents in one bundle. */
export const ARCHIVE_ENTRIES_MAX = 200
/** Longest side of a thumbnail, in pixels. */
export const THUMBNAIL_SIDE_MAX = 2_048
/** Memory of a module's instance. */
export const WASM_MEMORY_BYTES_MAX = 256 * 1024 * 1024
/** Processor time of a module. */
export const WASM_CPU_MS_MAX = 10 * 60_000
/** Input that travels in the task itself. */
export const INLINE_BYTES_MAX = 4_096
export const HASH_ALGORITHMS = ['sha256', 'sha512', 'sha3-256', 'sha3-512', 'blake2b512'] as const
export const IMAGE_FORMATS = ['jpeg', 'png'] as const

const ID_BYTES_MAX = 72
const NAME_BYTES_MAX = 100
const WASM_MEMORY_BYTES_DEFAULT = 64 * 1024 * 1024
const WASM_CPU_MS_DEFAULT = 30_000
const shape = new ShapeReader((reason) => new InvalidRecordError({ reason, kind: 'task' }))

/** What each kind takes, after its defaults are filled in. */
export interface TaskInputs {
  verify: { content: ContentId | undefined; chunks: readonly ContentId[] }
  hash: { content: ContentId; algorithm: (typeof HASH_ALGORITHMS)[number] }
  archive: { entries: readonly { content: ContentId; name: string }[] }
  'transcode-image': {
    content: ContentId
    sidePixels: number
    format: (typeof IMAGE_FORMATS)[number]
    quality: number
  }
  wasm: {
    module: ContentId
    content: ContentId | undefined
    data: Uint8Array
    memoryBytesMax: number
    cpuMsMax: number
  }
}

/** Kinds whose result is the same whoever does them: only those can be done by several and compared. */
export const COMPARABLE: Readonly<Record<TaskKind, boolean>> = {
  verify: false,
  hash: true,
  archive: true,
  'transcode-image': true,
  wasm: true,
}

type Readers = { [Kind in TaskKind]: (input: CborMap) => TaskInputs[Kind] }

const READERS: Readers = {
  verify(input) {
    shape.onlyFields(input, ['content', 'chunks'])
    const chunks = shape.has(input, 'chunks')
      ? shape.list(input, 'chunks', VERIFY_CHUNKS_MAX).map((each) => idOf(each))
      : []
    const content = shape.has(input, 'content') ? idOf(input.content) : undefined
    if ((content === undefined) === (chunks.length === 0))
      shape.fail('it names not one of content and chunks')
    return { content, chunks }
  },
  hash(input) {
    shape.onlyFields(input, ['content', 'algorithm'])
    const hasAlgorithm = shape.has(input, 'algorithm')
    return {
      content: idOf(input.content),
      algorithm: hasAlgorithm ? shape.oneOf(input, 'algorithm', HASH_ALGORITHMS) : 'sha256',
    }
  },
  archive(input) {
    shape.onlyFields(input, ['entries'])
    const entries = shape.list(input, 'entries', ARCHIVE_ENTRIES_MAX).map((each) => {
      const entry = shape.map(each, 'an entry')
      shape.onlyFields(entry, ['content', 'name'])
      return { content: idOf(entry.content), name: nameOf(shape.text(entry, 'name', NAME_BYTES_MAX)) }
    })
    if (entries.length === 0) shape.fail('it has no entries')
    if (new Set(entries.map(({ name }) => name)).size !== entries.length)
      shape.fail('two entries have one name')
    return { entries: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
  },
  'transcode-image'(input) {
    shape.onlyFields(input, ['content', 'sidePixels', 'format', 'quality'])
    const sidePixels = orDefault(input, 'sidePixels', THUMBNAIL_SIDE_MAX, 320)
    if (sidePixels === 0) shape.fail('its sidePixels is 0')
    return {
      content: idOf(input.content),
      sidePixels,
      format: shape.has(input, 'format') ? shape.oneOf(input, 'format', IMAGE_FORMATS) : 'jpeg',
      quality: orDefault(input, 'quality', 100, 80),
    }
  },
  wasm(input) {
    shape.onlyFields(input, ['module', 'content', 'data', 'memoryBytesMax', 'cpuMsMax'])
    const content = shape.has(input, 'content') ? idOf(input.content) : undefined
    const data = shape.has(input, 'data') ? shape.bytes(input, 'data', { max: INLINE_BYTES_MAX }) : undefined
    if (content !== undefined && data !== undefined) shape.fail('it has both content and data')
    return {
      module: idOf(input.module),
      content,
      data: data ?? new Uint8Array(0),
      memoryBytesMax: orDefault(input, 'memoryBytesMax', WASM_MEMORY_BYTES_MAX, WASM_MEMORY_BYTES_DEFAULT),
      cpuMsMax: orDefault(input, 'cpuMsMax', WASM_CPU_MS_MAX, WASM_CPU_MS_DEFAULT),
    }
  },
}

/**
 * Reads a task's input by the rules of its kind.
 * @throws InvalidRecordError with the reason.
 */
export function readTaskInput<Kind extends TaskKind>(kind: Kind, input: TaskFacts): TaskInputs[Kind] {
  return (READERS[kind] as (input: CborMap) => TaskInputs[Kind])(input)
}

function idOf(value: unknown): ContentId {
  if (typeof value !== 'string' || value.length > ID_BYTES_MAX) return shape.fail('a content id is missing')
  try {
    return parseContentId(value)
  } catch {
    return shape.fail('a content id in it is none')
  }
}

/** A relative path that every program can unpack: no empty part, no `..`, no control characters. */
function nameOf(name: string): string {
  const isPlain = /^[^\p{Cc}\\]+$/u.test(name) && name.isWellFormed()
  if (!isPlain || name.split('/').some((part) => part === '' || part === '.' || part === '..'))
    shape.fail('the name of an entry is not a plain relative path')
  return name
}

function orDefault(input: CborMap, field: string, max: number, otherwise: number): number {
  return shape.has(input, field) ? shape.integer(input, field, max) : otherwise
}
