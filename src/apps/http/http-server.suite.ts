/**
 * What the tests of this folder share: a node's services in memory, three real commands, and a started server.
 * The content is a store of whole files; how content is cut and found is tested where it lives.
 */
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { type Command, defineCommand } from '../../commands/command.ts'
import type { Content, FolderEntry, RetrieveOptions } from '../../content/content.ts'
import { ContentCorruptError, ContentKeyError, ContentNotFoundError } from '../../content/errors.ts'
import { type Clock, SystemClock } from '../../core/clock.ts'
import { type ContentId, contentIdFromDigest, contentIdOf } from '../../core/content-id.ts'
import { InvalidInputError } from '../../core/errors.ts'
import { type Logger, silentLogger } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import { SystemRandom } from '../../core/random.ts'
import { Secret } from '../../core/secret.ts'
import { signingKeyFromSeed } from '../../core/signing-key.ts'
import { MemoryNetworkHub } from '../../network/memory-network.ts'
import { ApiTokens } from '../../node/api-tokens.ts'
import { AuditLog } from '../../node/audit/audit-log.ts'
import { CircuitBreakers } from '../../node/circuit-breakers.ts'
import { Health } from '../../node/health.ts'
import { SqliteCommandHistory } from '../../node/history/sqlite-command-history.ts'
import type { Services } from '../../node/services.ts'
import { fileKind } from '../../records/file-record.ts'
import { removalKind } from '../../records/removal-record.ts'
import { spaceIdOf } from '../../records/space.ts'
import { createRecordSets } from '../../records/sqlite-record-sets.ts'
import { openIndexDatabase } from '../../storage/index-database.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import { type HttpServer, type HttpServerOptions, startHttpServer } from './start-http-server.ts'

export const SPACE_KEY = Buffer.alloc(32, 5)
export const TOKEN = 'test-token-5b1f0c8e2d9a4f67'

const PIECE_BYTES = 64 * 1024

/** Files in memory behind the part of `Content` that HTTP uses. */
export class StoredContent {
  readonly files = new Map<ContentId, { bytes: Uint8Array; key?: Uint8Array; damagedAt?: number }>()
  readonly folders = new Map<ContentId, FolderEntry[]>()
  /** Retrievals that were stopped before their end. */
  stopped = 0
  /** Bytes read so far. */
  readBytes = 0
  /** What the last call allowed. */
  timeoutMs: number | undefined

  add(bytes: Uint8Array, options: { key?: Uint8Array; damagedAt?: number } = {}): ContentId {
    const id = contentIdOf(bytes)
    this.files.set(id, { bytes, ...options })
    return id
  }

  addFolder(entries: FolderEntry[]): ContentId {
    const id = contentIdOf(Buffer.from(JSON.stringify(entries)))
    this.folders.set(id, entries)
    return id
  }

  async retrieve(id: ContentId, options: RetrieveOptions = {}) {
    this.timeoutMs = options.timeoutMs
    if (this.folders.has(id))
      return { id, kind: 'folder' as const, sizeBytes: 0, bytes: this.#pieces(id, 0, 0) }
    const file = this.files.get(id)
    if (file === undefined) throw new ContentNotFoundError({ id, asked: [] })
    if (file.key !== undefined && !Buffer.from(file.key).equals(options.key ?? Buffer.alloc(0))) {
      throw new ContentKeyError({ id, given: options.key !== undefined })
    }
    const sizeBytes = file.bytes.byteLength
    const { offset, length } = options.range ?? { offset: 0, length: sizeBytes }
    return { id, kind: 'file' as const, sizeBytes, bytes: this.#pieces(id, offset, length, options.signal) }
  }

  async listFolder(id: ContentId): Promise<FolderEntry[]> {
    const entries = this.folders.get(id)
    if (entries === undefined)
      throw new InvalidInputError({ what: 'The content', reason: 'it is not a folder' })
    return entries
  }

  queues() {
    return { repair: 0, announce: 0, replicate: 0 }
  }

  async *#pieces(
    id: ContentId,
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { bytes = new Uint8Array(), damagedAt = Number.POSITIVE_INFINITY } = this.files.get(id) ?? {}
    let complete = false
    try {
      for (let position = offset; position < offset + length; position += PIECE_BYTES) {
        signal?.throwIfAborted()
        if (position >= damagedAt) throw new ContentCorruptError({ id, reason: 'test damage' })
        const piece = bytes.subarray(position, Math.min(position + PIECE_BYTES, offset + length))
        this.readBytes += piece.byteLength
        yield piece
        // As with real peers, the next piece takes at least a turn of the event loop.
        await new Promise((resolve) => setImmediate(resolve))
      }
      complete = true
    } finally {
      if (!complete) this.stopped++
    }
  }
}

const ping = defineCommand({
  name: 'ping',
  summary: 'Say that the node is there',
  description: 'Answers at once.',
  permission: 'anyone',
  cost: 'light',
  input: z.strictObject({ text: z.string().max(100).default('Pong!').describe('What to answer.') }),
  positional: ['text'],
  run: async (_services, input) => ({ text: input.text }),
})

const share = defineCommand({
  name: 'share',
  summary: 'Share the bytes that came with the request',
  description: 'Counts and hashes them.',
  permission: 'member',
  changes: true,
  cost: 'heavy',
  input: z.strictObject({
    name: z.string().max(255).optional().describe('File name.'),
    copies: z.int().min(1).max(64).optional().describe('How many copies.'),
    policy: z.string().optional().describe('Durability policy.'),
    encrypt: z.boolean().optional().describe('Whether to encrypt.'),
  }),
  positional: [],
  async run(_services, input, { body, progress, signal }) {
    if (body === undefined) throw new InvalidInputError({ what: 'The share', reason: 'it has no body' })
    if (input.name === 'refuse')
      throw new InvalidInputError({ what: 'The name', reason: 'the test refuses it' })
    const sha256 = createHash('sha256')
    let sizeBytes = 0
    for await (const piece of body) {
      signal.throwIfAborted()
      sha256.update(piece)
      sizeBytes += piece.byteLength
      progress({ phase: 'reading', done: sizeBytes, total: undefined, unit: 'bytes' })
    }
    return { id: contentIdFromDigest(sha256.digest()), sizeBytes, ...input }
  },
})

const wait = defineCommand({
  name: 'wait',
  summary: 'Count until cancelled or done',
  description: 'For progress and cancelling.',
  permission: 'owner',
  cost: 'light',
  input: z.strictObject({ steps: z.int().default(1_000_000).describe('How far to count.') }),
  positional: ['steps'],
  async run(services, input, { progress, signal }) {
    for (let done = 0; done < input.steps; done++) {
      progress({ phase: 'counting', done, total: input.steps, unit: 'items' })
      await services.clock.sleep(5, signal)
    }
    if (input.steps === 13) throw new Error('a fault with a secret: hunter2')
    return { steps: input.steps }
  },
})

export const COMMANDS: readonly Command[] = [ping, share, wait] as unknown as readonly Command[]

/** Services in memory. A `disk` of an earlier node makes this its restart. */
export function createTestServices(
  options: {
    disk?: MemoryDisk
    clock?: Clock
    log?: Logger
    hub?: MemoryNetworkHub
    degraded?: string[]
    space?: () => string
  } = {},
) {
  const clock = options.clock ?? new SystemClock()
  const random = new SystemRandom()
  const disk = options.disk ?? new MemoryDisk()
  const key = signingKeyFromSeed(random.bytes(32))
  const content = new StoredContent()
  const index = openIndexDatabase(disk.openDatabase('index.db'))
  const network = (options.hub ?? new MemoryNetworkHub({ clock, random })).createNetwork(key)
  const metrics = createMetrics({ processMetrics: false })
  const quiet = { key, index, network, clock, random, metrics, log: silentLogger }
  const records = createRecordSets(quiet, { space: spaceIdOf(key.peerId, random.bytes(16)), gossip: false })
  for (const kind of [fileKind, removalKind]) records.defineKind(kind)
  const log = options.log ?? recordingLogger([])
  const services = {
    config: { downloadTimeoutMs: 30_000 },
    clock,
    random,
    disk,
    key,
    log,
    content: content as unknown as Content,
    metrics,
    index,
    network,
    records,
    history: new SqliteCommandHistory({ index, clock, log }),
    audit: new AuditLog({ index, key, random, log }, []),
    health: new Health({ clock, log }),
    breakers: new CircuitBreakers({ clock, metrics }),
    tokens: new ApiTokens({ index, clock, random, space: () => options.space?.() ?? 'home' }),
    membership: { members: () => [], spaceKey: () => SPACE_KEY, spaceKeys: () => [SPACE_KEY] },
    state: { degraded: async () => options.degraded ?? [] },
  }
  return { services: services as unknown as Services, content, disk }
}

/** A logger that keeps every line as text. */
export function recordingLogger(lines: string[]): Logger {
  const write = (event: string, fields?: unknown) => {
    const seen = (_key: string, value: unknown) =>
      value instanceof Error ? { message: value.message, stack: value.stack } : value
    lines.push(JSON.stringify({ event, fields }, seen))
  }
  const logger: Logger = { error: write, warn: write, info: write, debug: write, named: () => logger }
  return logger
}

/** A server on a free port, stopped when the test ends. */
export async function startTestServer(
  context: TestContext,
  services: Services,
  options: Partial<HttpServerOptions> = {},
): Promise<HttpServer> {
  const server = await startHttpServer(services, {
    host: '127.0.0.1',
    port: 0,
    token: new Secret(TOKEN),
    commands: COMMANDS,
    version: '0.0.0-test',
    ...options,
  })
  context.after(() => server.stop())
  return server
}

/** What came back, with the raw headers. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
  json(): Record<string, unknown> & { error: { code: string } }
  /** The connection broke before the promised length. */
  broken: boolean
}

/** A request with exactly these headers, Host included; the token is sent unless `token` says otherwise. */
export function call(
  server: HttpServer,
  method: string,
  path: string,
  options: {
    headers?: Record<string, string | number>
    body?: Uint8Array | string
    token?: string | null
  } = {},
): Promise<Answer> {
  const token = options.token === undefined ? TOKEN : options.token
  const headers = { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...options.headers }
  return new Promise((resolve, reject) => {
    const outgoing = request(`${server.url}${path}`, { method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = []
      const finish = (broken: boolean) => {
        const body = Buffer.concat(pieces)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          body,
          json: () => JSON.parse(body.toString()),
          broken,
        })
      }
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => finish(false))
      response.on('error', () => finish(true))
    })
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
}

/** The events of a `text/event-stream` body. */
export function eventsOf(body: Buffer): { event: string; data: unknown }[] {
  return body
    .toString()
    .split('\n\n')
    .flatMap((block) => {
      const match = /^event: (\S+)\ndata: (.*)$/m.exec(block)
      return match === null ? [] : [{ event: match[1] ?? '', data: JSON.parse(match[2] ?? '') }]
    })
}
