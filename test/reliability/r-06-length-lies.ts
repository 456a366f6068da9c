/**
 * Every parser of what peers send, and the frames under them, get messages that promise more than they hold, hold
 * more than any honest one, or nest without end. Each is refused or read within its time and memory, the stream of a
 * bad frame is closed, and afterwards an honest request is answered as before.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Connection, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { decodeRequest, decodeResponse } from '../../src/content/dds-protocol.ts'
import { decodeFolderListing } from '../../src/content/folder-listing.ts'
import { SystemClock } from '../../src/core/clock.ts'
import { decodeCanonical } from '../../src/core/encoding.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { decodeReconciliation } from '../../src/core/reconciliation-message.ts'
import { signingKeyFromSeed } from '../../src/core/signing-key.ts'
import { decodeAnswer } from '../../src/network/discovery/peer-exchange.ts'
import { decodeErrorFrame } from '../../src/network/error-frame.ts'
import { encodeFrame, FrameStream } from '../../src/network/frame-stream.ts'
import { parseAddress } from '../../src/network/peer-address.ts'
import { RequestServer } from '../../src/network/request-server.ts'
import { parseInvite, readInviteTerms } from '../../src/records/invite.ts'
import { decodeGreeting, decodeJoinRequest, decodeSpaceKeys } from '../../src/records/join-protocol.ts'
import { decodeRecord, readRecord } from '../../src/records/record-codec.ts'
import {
  decodeMessage,
  decodeOutcomes,
  decodeRequest as decodeRecordsRequest,
} from '../../src/records/records-protocol.ts'
import { decodeManifest } from '../../src/storage/content-manifest.ts'
import { threadCpuMs } from './cpu-time.ts'
import { bodyLies, frameLies, type Lie } from './length-lies.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const ATTEMPTS = { gate: 12_000, night: 60_000, release: 100_000 }
const GROWTH_BYTES_MAX = 1024 * 1024
/** Of processor time: what a message costs does not depend on what else runs on the machine. */
const TOOK_CPU_MS_MAX = 50
/** Only so that a stream that nobody closes ends the check. */
const CLOSED_WITHIN_MS = 10_000
const REPEATS = 3
/** Attempts after which the garbage is taken away, so that it is not counted as what the next one needs. */
const COLLECT_EVERY = 200
const PROTOCOL = '/kizuna/r-06/1.0.0'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const PARSERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  'DDS request': decodeRequest,
  'DDS answer': decodeResponse,
  manifest: decodeManifest,
  'folder listing': decodeFolderListing,
  'error frame': decodeErrorFrame,
  'peer exchange': decodeAnswer,
  reconciliation: (bytes) => decodeReconciliation(32, bytes),
  'canonical CBOR': (bytes) => decodeCanonical(bytes),
  record: decodeRecord,
  'record, first look': readRecord,
  'records request': decodeRecordsRequest,
  'records message': decodeMessage,
  'records outcomes': decodeOutcomes,
  'join request': decodeJoinRequest,
  greeting: decodeGreeting,
  'space keys': decodeSpaceKeys,
  'invite terms': readInviteTerms,
  invite: (bytes) => parseInvite(text(bytes)),
  address: (bytes) => parseAddress(text(bytes)),
}

export const check: ReliabilityCheck = {
  row: 'R-06',
  title: `oversize and length lies, ${Object.keys(PARSERS).length} parsers and the frames`,
  goal: 'growth ≤ 1 MiB and ≤ 50 ms of processor time per attempt, refused with a typed error, stream closed, node healthy afterwards',
  alone: true,
  run,
}

async function run({ scale, seed, signal, progress }: ReliabilityOptions) {
  const random = new SeededRandom(seed)
  const collect = garbageCollector()
  const failures = new Map<string, string>()
  const bodies = bodyLies()
  const frames = frameLies()
  const tasks: (() => Promise<Lie & { parser: string }>)[] = []
  const worst = { growthBytes: 0, tookCpuMs: 0 }
  const server = new TestServer()
  for (const parser of Object.keys(PARSERS)) {
    for (const lie of bodies) tasks.push(async () => parse(parser, lie))
  }
  for (const lie of frames) tasks.push(() => server.lieTo(lie))
  for (let attempt = 0; attempt < ATTEMPTS[scale]; attempt++) {
    signal.throwIfAborted()
    if (attempt % COLLECT_EVERY === 0) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const place = attempt < tasks.length ? attempt : random.integer(tasks.length)
    const task = tasks[place] as (typeof tasks)[number]
    const measured = await measure(task)
    const { name, parser } = measured.result
    const where = `${parser}: ${name}`
    if (measured.error !== undefined) failures.set(where, `${where}: ${measured.error}`)
    // Again before it counts: a compilation is not the message's fault, and what the message itself costs it
    // costs every time.
    let least: Cost = measured
    for (let again = 0; again < REPEATS && isTooMuch(least); again++) {
      collect()
      const once = await measure(task)
      least = {
        growthBytes: Math.min(least.growthBytes, once.growthBytes),
        tookCpuMs: Math.min(least.tookCpuMs, once.tookCpuMs),
      }
    }
    if (isTooMuch(least)) {
      const megabytes = (least.growthBytes / 2 ** 20).toFixed(1)
      failures.set(where, `${where}: ${megabytes} MiB, ${least.tookCpuMs.toFixed(0)} ms`)
    }
    worst.growthBytes = Math.max(worst.growthBytes, least.growthBytes)
    worst.tookCpuMs = Math.max(worst.tookCpuMs, least.tookCpuMs)
    if (attempt % 5_000 === 0) progress(`${attempt} attempts, ${failures.size} failures`)
  }
  const healthyCpuMs = await server.honestRequestCpuMs()
  if (healthyCpuMs > TOOK_CPU_MS_MAX)
    failures.set('health', `an honest request took ${healthyCpuMs} ms afterwards`)
  const list = [...failures.values()]
  const figure = `${ATTEMPTS[scale]} attempts of ${tasks.length} kinds: ${list.length} failures; at most ${(worst.growthBytes / 2 ** 20).toFixed(2)} MiB and ${worst.tookCpuMs.toFixed(1)} ms; honest request afterwards in ${healthyCpuMs.toFixed(1)} ms (of processor time)`
  return { figure, reached: list.length === 0, failures: list.slice(0, 50) }
}

/** What one attempt cost. */
interface Cost {
  growthBytes: number
  tookCpuMs: number
}

function isTooMuch({ growthBytes, tookCpuMs }: Cost): boolean {
  return growthBytes > GROWTH_BYTES_MAX || tookCpuMs > TOOK_CPU_MS_MAX
}

async function measure(task: () => Promise<Lie & { parser: string }>) {
  const before = memory()
  const begin = threadCpuMs()
  let error: string | undefined
  let result: Lie & { parser: string } = { name: '', parser: '', bytes: new Uint8Array(0) }
  try {
    result = await task()
  } catch (problem) {
    error = String(problem)
  }
  const tookCpuMs = threadCpuMs() - begin
  return { result, error, tookCpuMs, growthBytes: memory() - before }
}

function parse(parser: string, lie: Lie): Lie & { parser: string } {
  try {
    PARSERS[parser]?.(lie.bytes)
  } catch (error) {
    if (!isKizunaError(error)) throw new Error(`${parser}, ${lie.name}: an error without a type: ${error}`)
  }
  return { ...lie, parser }
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** A request server that echoes, reached over streams in memory. */
class TestServer {
  readonly #server: RequestServer
  readonly #peer = signingKeyFromSeed(new Uint8Array(32).fill(6)).peerId

  constructor() {
    this.#server = new RequestServer({
      self: this.#peer,
      clock: new SystemClock(),
      log: silentLogger,
      metrics: createMetrics({ processMetrics: false }),
      handlerOf: () => (request) => request,
    })
  }

  async lieTo(lie: Lie): Promise<Lie & { parser: string }> {
    const { stream, served } = await this.#open()
    stream.send(lie.bytes)
    await served
    if (stream.status === 'open' && stream.readStatus === 'readable') {
      await new Promise<void>((resolve, reject) => {
        stream.addEventListener('close', () => resolve())
        setTimeout(() => reject(new Error(`the stream stays open: ${lie.name}`)), CLOSED_WITHIN_MS)
      })
    }
    return { ...lie, parser: 'frames' }
  }

  async honestRequestCpuMs(): Promise<number> {
    const { stream } = await this.#open()
    const frames = new FrameStream(stream)
    const begin = threadCpuMs()
    stream.send(encodeFrame('last', new Uint8Array(32)))
    await frames.read(AbortSignal.timeout(5_000))
    const tookCpuMs = threadCpuMs() - begin
    frames.reset(new Error('done'))
    return tookCpuMs
  }

  async #open(): Promise<{ stream: Stream; served: Promise<void> }> {
    const [stream, incoming] = await streamPair()
    const connection = { remotePeer: this.#peer, direct: true } as unknown as Connection
    return { stream, served: this.#server.serve(PROTOCOL, incoming, connection) }
  }
}
