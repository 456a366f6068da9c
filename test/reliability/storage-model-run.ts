import { type ContentId, contentIdOf } from '../../src/core/content-id.ts'
import { isKizunaError, toKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import type { ChunkRange } from '../../src/storage/chunk-store.ts'
import { type DiskOperation, MemoryDisk } from '../../src/storage/memory-disk.ts'
import type { Plantings } from './planted-storage-bugs.ts'
import { type ModelLimits, StorageModel } from './storage-model.ts'
import { openStorageSubject, type StorageSubject } from './storage-subject.ts'

/** By turns few chunks are allowed, and few bytes, so that both limits are met. */
const LIMITS: readonly [ModelLimits, ModelLimits] = [
  { graceMs: 1_000, sizeBytesMax: 1_000_000, chunksMax: 9 },
  { graceMs: 1_000, sizeBytesMax: 150_000, chunksMax: 100 },
]

/** A put may be the first in its folder, and has a header in its pack. */
const SLACK_BYTES = 2 * 4096

/** The same chunks in every sequence: packed, the longest packed, and in files. */
/** From this one on they have a file each. */
export const FIRST_FILE_CHUNK = 16
export const CHUNKS = [
  10, 40, 300, 700, 3_000, 9_000, 16_000, 16_384, 16_385, 20_480, 20_481, 30_000,
].flatMap((sizeBytes, place) =>
  [0, 1].map((half) => {
    const bytes = new SeededRandom(place * 2 + half).bytes(sizeBytes)
    return { bytes, id: contentIdOf(bytes), sizeBytes }
  }),
)
const NUMBERS = new Map(CHUNKS.map(({ id }, number) => [id, number]))

/** One thing done to both. */
export type Step =
  | { kind: 'put' | 'delete' | 'rot'; chunk: number }
  | { kind: 'get'; chunk: number; range: ChunkRange }
  | { kind: 'pin'; root: number; owner: string; chunks: number[]; lastsMs: number | undefined }
  | { kind: 'unpin'; root: number; owner: string }
  | { kind: 'lease'; holder: number; chunks: number[] }
  | { kind: 'release'; holder: number }
  | { kind: 'collect'; dryRun: boolean }
  | { kind: 'wait'; ms: number }
  | { kind: 'restart' }
  | { kind: 'crash'; during: { kind: 'put' | 'delete'; chunk: number }; turns: number; seed: number }
  | { kind: 'fault'; operation: DiskOperation; code: string }

/** What is done, and which limits hold. */
export interface Plan {
  sequence: number
  steps: readonly Step[]
}

/** Takes the steps on storage (with a bug, maybe) and model; the first after which the two differ. */
export async function runSteps(
  plan: Plan,
  bug: Plantings = {},
): Promise<{ step: number; what: string } | undefined> {
  const run = new ModelRun(bug, LIMITS[plan.sequence % 2 === 0 ? 0 : 1])
  try {
    await run.open()
    for (const [step, one] of plan.steps.entries()) {
      const what = (await run.take(one)) ?? (await run.compare())
      if (what !== undefined) return { step, what: `${JSON.stringify(one)}: ${what}` }
    }
    return undefined
  } catch (error) {
    return { step: 0, what: `broke off: ${error instanceof Error ? error.stack : error}` }
  } finally {
    await run.end()
  }
}

class ModelRun {
  readonly #bug: Plantings
  readonly #disk = new MemoryDisk()
  readonly #clock = new VirtualClock()
  readonly #limits: ModelLimits
  readonly #model: StorageModel
  /** Spoilt on the medium, until stored anew: what was deleted or set aside may come back with a power cut. */
  readonly #rotten = new Set<number>()
  /** Stored anew by a call that did not answer: the rot may be gone. */
  readonly #replaced = new Set<number>()
  #subject: StorageSubject | undefined
  #leavings = false

  constructor(bug: Plantings, limits: ModelLimits) {
    this.#bug = bug
    this.#limits = limits
    this.#model = new StorageModel(CHUNKS, limits)
    this.#model.now = this.#clock.now()
  }

  async open(): Promise<void> {
    this.#leavings = false
    this.#subject = await openStorageSubject(
      { disk: this.#disk.session(), clock: this.#clock },
      this.#limits,
      this.#bug,
    )
  }

  async end(): Promise<void> {
    this.#disk.heal()
    await this.#subject?.close().catch(() => {})
    this.#disk.crash(new SeededRandom(1))
  }

  /** Does the step on both; what they disagree on. */
  async take(step: Step): Promise<string | undefined> {
    const { subject } = this
    const model = this.#model
    if (step.kind === 'put') return this.#put(step.chunk)
    if (step.kind === 'delete') return this.#delete(step.chunk)
    if (step.kind === 'get') return this.#get(step.chunk, step.range)
    if (step.kind === 'collect') return this.#collect(step.dryRun)
    if (step.kind === 'crash') return this.#crash(step)
    if (step.kind === 'rot') this.#rot(step.chunk)
    else if (step.kind === 'fault') {
      this.#leavings ||= step.operation === 'remove'
      this.#disk.fail({ operation: step.operation, code: step.code })
    } else if (step.kind === 'lease') {
      model.lease(step.holder, step.chunks)
      subject.lease(step.holder, step.chunks.map(idOf))
    } else if (step.kind === 'release') {
      model.release(step.holder)
      subject.release(step.holder)
    } else if (step.kind === 'pin') {
      const expiresAt = step.lastsMs === undefined ? undefined : model.now + step.lastsMs
      model.pin(step.root, step.owner, step.chunks, expiresAt)
      subject.pins.add({ root: idOf(step.root), owner: step.owner, expiresAt }, step.chunks.map(idOf))
    } else if (step.kind === 'unpin') {
      const had = model.unpin(step.root, step.owner)
      return differs('unpin', subject.pins.remove(idOf(step.root), step.owner), had)
    } else if (step.kind === 'wait') {
      await this.#clock.advance(step.ms)
      model.now = this.#clock.now()
    } else {
      this.#disk.heal()
      await subject.close()
      model.restart({ leavings: this.#leavings })
      await this.open()
    }
    return undefined
  }

  /** What both say of themselves. */
  async compare(): Promise<string | undefined> {
    const { chunks, pins, leases } = this.subject
    const model = this.#model
    for (const chunk of model.doubted) model.learn(chunk, await chunks.has(idOf(chunk)))
    const ids: number[] = []
    for await (const id of chunks.ids()) ids.push(NUMBERS.get(id) ?? -1)
    const usage = await chunks.usage()
    const has: number[] = []
    for (const [number, { id }] of CHUNKS.entries()) if (await chunks.has(id)) has.push(number)
    const words = pins
      .list()
      .map((pin) => `${NUMBERS.get(pin.root)} ${pin.owner} ${pin.expiresAt ?? 'never'}`)
    const pinned = [...pins.chunkIds()].map((id) => NUMBERS.get(id) ?? -1)
    const inOrder = (numbers: number[]) => numbers.sort((a, b) => a - b).join()
    return (
      differs('ids', inOrder(ids), model.held.join()) ??
      differs('has', has.join(), model.held.join()) ??
      differs('chunks', usage.chunks, model.held.length) ??
      differs('sizeBytes', usage.sizeBytes, model.sizeBytes) ??
      differs('pins', words.sort().join(), model.pins.join()) ??
      differs('pinned', inOrder(pinned), model.pinnedChunks.join()) ??
      differs(
        'leased',
        CHUNKS.map(({ id }) => leases.has(id)).join(),
        CHUNKS.map((_, chunk) => model.isLeased(chunk)).join(),
      )
    )
  }

  get subject(): StorageSubject {
    if (this.#subject === undefined) throw new Error('not open')
    return this.#subject
  }

  async #put(chunk: number): Promise<string | undefined> {
    const { chunks } = this.subject
    const expected = this.#model.mayPut(chunk, (await chunks.usage()).diskBytes)
    this.#model.noteStored(chunk)
    const outcome = await chunks.put(idOf(chunk), bytesOf(chunk)).catch(codeOf)
    if (outcome === 'stored' || outcome === 'known') {
      this.#model.put(chunk)
      if (outcome === 'stored') this.#rotten.delete(chunk)
      const { diskBytes } = await chunks.usage()
      if (outcome === 'stored' && diskBytes > this.#limits.sizeBytesMax + SLACK_BYTES) {
        return `put: ${diskBytes} bytes used`
      }
      return expected === 'full' && outcome === 'stored' ? undefined : differs('put', outcome, expected)
    }
    if (outcome === 'QUOTA_EXCEEDED') {
      return expected === 'full' ? undefined : differs('put', 'refused', expected)
    }
    this.#model.doubt(chunk)
    this.#replaced.add(chunk)
    return isFault(outcome) ? undefined : `put: ${outcome}`
  }

  async #delete(chunk: number): Promise<string | undefined> {
    const expected = this.#model.has(chunk)
    const outcome = await this.subject.chunks.delete(idOf(chunk)).catch(codeOf)
    if (typeof outcome === 'string') {
      this.#model.doubt(chunk)
      return isFault(outcome) ? undefined : `delete: ${outcome}`
    }
    this.#model.remove(chunk)
    return differs('delete', outcome, expected)
  }

  async #get(chunk: number, range: ChunkRange): Promise<string | undefined> {
    const isHeld = this.#model.has(chunk)
    const size = await this.subject.chunks.sizeOf(idOf(chunk))
    const outcome = await this.subject.chunks.get(idOf(chunk), range).catch(codeOf)
    const length = CHUNKS[chunk]?.sizeBytes
    if (typeof outcome !== 'string') {
      const whole = bytesOf(chunk)
      const { offset = 0 } = range
      const right = whole.subarray(offset, range.length === undefined ? whole.length : offset + range.length)
      if (this.#rotten.has(chunk) && !this.#replaced.has(chunk)) return 'get: rotten bytes were served'
      if (Buffer.compare(outcome, right) !== 0) return 'get: other bytes'
      return differs('get', 'bytes', isHeld === true ? 'bytes' : 'nothing') ?? differs('sizeOf', size, length)
    }
    if (outcome === 'CHUNK_NOT_FOUND') return differs('get', outcome, isHeld === true ? 'bytes' : outcome)
    if (outcome === 'CHUNK_CORRUPT') {
      this.#model.remove(chunk)
      return this.#rotten.has(chunk) ? undefined : 'get: said to be damaged and is not'
    }
    return isFault(outcome) ? undefined : `get: ${outcome}`
  }

  async #collect(dryRun: boolean): Promise<string | undefined> {
    // A collection that the disk breaks off halfway is another test's.
    this.#disk.heal()
    const before = this.#model.held
    const due = this.#model.collect(dryRun)
    const report = await this.subject.collect({ dryRun })
    const has = await Promise.all(before.map((chunk) => this.subject.chunks.has(idOf(chunk))))
    const gone = before.filter((_, place) => !has[place])
    return (
      differs('collected', gone.join(), dryRun ? '' : due.join()) ??
      differs('report', `${report.examined} ${report.collected}`, `${before.length} ${due.length}`)
    )
  }

  #rot(chunk: number): void {
    const id = idOf(chunk)
    // Chunks in packs rot in R-02; here the place of the bytes is known.
    const path = `chunks/${id.slice(-3, -1)}/${id}`
    if (this.#model.has(chunk) !== true || this.#rotten.has(chunk) || !this.#disk.paths().includes(path))
      return
    this.#disk.flipBit(path, 77)
    this.#rotten.add(chunk)
    this.#replaced.delete(chunk)
  }

  async #crash({ during, turns, seed }: Step & { kind: 'crash' }): Promise<string | undefined> {
    const { chunks } = this.subject
    this.#disk.heal()
    if (during.kind === 'put') this.#model.noteStored(during.chunk)
    const call =
      during.kind === 'put'
        ? chunks.put(idOf(during.chunk), bytesOf(during.chunk))
        : chunks.delete(idOf(during.chunk))
    let answer: 'stored' | 'known' | boolean | undefined
    const ended = call.then(
      (outcome) => {
        answer = outcome
      },
      () => {},
    )
    for (let turn = 0; turn < turns; turn++) await null
    const answered = answer
    this.#disk.crash(new SeededRandom(seed))
    await ended
    if (during.kind === 'put' && (answered === 'stored' || answered === 'known')) {
      this.#model.put(during.chunk)
      if (answered === 'stored') this.#rotten.delete(during.chunk)
    } else if (during.kind === 'delete' && answered !== undefined) this.#model.remove(during.chunk)
    else this.#model.doubt(during.chunk)
    if (during.kind === 'put') this.#replaced.add(during.chunk)
    this.#model.crash()
    await this.open()
    for (const chunk of this.#model.doubted) {
      this.#model.learn(chunk, await this.subject.chunks.has(idOf(chunk)))
    }
    // What was acknowledged is whole, and so is what came back.
    for (const chunk of this.#model.held) {
      if (this.#rotten.has(chunk)) continue
      const bytes = await this.subject.chunks.get(idOf(chunk)).catch(codeOf)
      if (typeof bytes === 'string') return `after the power cut chunk ${chunk} is ${bytes}`
    }
    return undefined
  }
}

function idOf(chunk: number): ContentId {
  return (CHUNKS[chunk] as (typeof CHUNKS)[number]).id
}

function bytesOf(chunk: number): Uint8Array {
  return (CHUNKS[chunk] as (typeof CHUNKS)[number]).bytes
}

function codeOf(error: unknown): string {
  if (!isKizunaError(error)) throw error
  return toKizunaError(error).code
}

function isFault(code: string): boolean {
  return code === 'DISK_ERROR' || code === 'DISK_FULL'
}

function differs(what: string, actual: unknown, expected: unknown): string | undefined {
  return actual === expected
    ? undefined
    : `${what}: ${String(actual)}, and the model says ${String(expected)}`
}
