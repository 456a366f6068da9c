import { Worker } from 'node:worker_threads'
import { DIGEST_PROGRAM, type DigestAnswer, type DigestQuestion } from './digest-worker.ts'
import { type Digester, type DigestStream, inlineDigester } from './digester.ts'

/** Shorter ones are hashed here: asking another thread takes longer. */
const ASKED_BYTES_MIN = 64 * 1024
/** A node that hashes less than this in all needs no thread; a stream of which less comes is hashed here. */
const STARTED_BYTES_MIN = 4 * 1024 * 1024
/** One being hashed, one on its way there, one on its way back, one to spare. */
const AT_ONCE = 4
/** What a thread may take for itself; the bytes lie in shared memory. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }

/** A question that was asked and not answered. */
interface Asked {
  resolve: (digest: Uint8Array | undefined) => void
  reject: (error: Error) => void
}

/**
 * Hashes long bytes in threads of its own, so that this one is free for everything else. Only shared memory
 * (`buffer-pool.ts`) goes there, because everything else would have to be copied; the rest is hashed here.
 * The threads start when there is much to hash and never keep the process alive by themselves.
 */
export class ThreadDigester implements Digester {
  readonly atOnce = AT_ONCE
  readonly #chunks: DigestThread
  readonly #streams: DigestThread
  #lastStream = 0
  #hashedBytes = 0

  /** @param options `threads` is one for everything, or two: one for chunks, one for what comes piece by piece. */
  constructor(options: { threads: 1 | 2 }) {
    this.#chunks = new DigestThread()
    this.#streams = options.threads === 1 ? this.#chunks : new DigestThread()
  }

  async sha256(bytes: Uint8Array): Promise<Uint8Array> {
    this.#hashedBytes += bytes.byteLength
    const isMany = this.#hashedBytes >= STARTED_BYTES_MIN
    // A thread takes its time to start; hashing here meanwhile is quicker than waiting for it.
    if (!isMany || !isWorthAsking(bytes) || !this.#chunks.isReady()) return inlineDigester.sha256(bytes)
    const digest = await this.#chunks.ask((id) => ({ kind: 'sha256', id, bytes }))
    return digest as Uint8Array
  }

  stream(sizeBytes = Number.POSITIVE_INFINITY): DigestStream {
    if (sizeBytes < STARTED_BYTES_MIN) return inlineDigester.stream()
    const thread = this.#streams
    const stream = ++this.#lastStream
    thread.tell({ kind: 'begin', stream })
    return {
      async update(bytes) {
        const shared = isShared(bytes) ? bytes : sharedCopyOf(bytes)
        await thread.ask((id) => ({ kind: 'update', id, stream, bytes: shared }))
      },
      async digest() {
        return (await thread.ask((id) => ({ kind: 'digest', id, stream }))) as Uint8Array
      },
      end: () => thread.tell({ kind: 'end', stream }),
    }
  }

  /** Ends the threads; whoever waits for a digest gets an error. */
  async close(): Promise<void> {
    await Promise.all([this.#chunks.close(), this.#streams.close()])
  }
}

class DigestThread {
  readonly #asked = new Map<number, Asked>()
  #worker: Worker | undefined
  #isOnline = false
  #lastId = 0
  #closed = false

  /** Whether the thread takes questions at once; it is started if there is none. Once closed it refuses them at once. */
  isReady(): boolean {
    if (this.#worker === undefined && !this.#closed) this.#start()
    return this.#isOnline || this.#closed
  }

  ask(question: (id: number) => DigestQuestion): Promise<Uint8Array | undefined> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Error('the digester was closed'))
        return
      }
      const worker = this.#worker ?? this.#start()
      if (this.#asked.size === 0) worker.ref()
      this.#asked.set(id, { resolve, reject })
      worker.postMessage(question(id))
    })
  }

  tell(question: DigestQuestion): void {
    if (this.#closed) return
    const worker = this.#worker ?? this.#start()
    worker.postMessage(question)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#rejectAll(new Error('the digester was closed'))
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(DIGEST_PROGRAM, {
      eval: true,
      name: 'digester',
      resourceLimits: THREAD_LIMITS,
    })
    this.#worker = worker
    worker.unref()
    worker.on('message', ({ id, digest, isUnknown }: DigestAnswer) => {
      const asked = this.#asked.get(id)
      this.#asked.delete(id)
      if (this.#asked.size === 0) worker.unref()
      if (isUnknown === true) asked?.reject(new Error('the thread that began this digest is no more'))
      else asked?.resolve(digest)
    })
    worker.on('online', () => {
      this.#isOnline = true
    })
    let failure = new Error('the digester was closed')
    worker.on('error', (error) => {
      failure = error as Error
    })
    // The next question starts another one, which knows nothing of the streams that were under way.
    worker.on('exit', () => {
      if (this.#worker === worker) {
        this.#worker = undefined
        this.#isOnline = false
      }
      this.#rejectAll(failure)
    })
    return worker
  }

  #rejectAll(reason: Error): void {
    for (const { reject } of this.#asked.values()) reject(reason)
    this.#asked.clear()
  }
}

function isShared(bytes: Uint8Array): boolean {
  return bytes.buffer instanceof SharedArrayBuffer
}

function isWorthAsking(bytes: Uint8Array): boolean {
  return isShared(bytes) && bytes.byteLength >= ASKED_BYTES_MIN
}

function sharedCopyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  copy.set(bytes)
  return copy
}
