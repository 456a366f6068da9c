import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { folderFileKey, sharedFileOf, sharedKeyOf } from '../../commands/content-key.ts'
import { type ContentId, parseContentId } from '../../core/content-id.ts'
import { InvalidInputError } from '../../core/errors.ts'
import { isKizunaError } from '../../core/kizuna-error.ts'
import type { Services } from '../../node/services.ts'
import { type ByteRange, contentRange, matchesEntityTag, parseByteRange } from './byte-range.ts'
import { contentHeaders } from './content-headers.ts'
import { PathNotFoundError, TooManyStreamsError } from './errors.ts'
import type { HttpParts } from './http-parts.ts'
import { requestSignal } from './request-signal.ts'
import { contentOperation } from './route-operations.ts'
import { sendBytes } from './send-bytes.ts'

type Found = Awaited<ReturnType<Services['content']['retrieve']>>

/** Downloads at once; each holds some chunks in memory. */
const DOWNLOADS_MAX = 32
const KEY_BYTES = 32
const PATH_LENGTH_MAX = 4096
/** As for the command `get`. */
const TIMEOUT_MS_MIN = 100
const TIMEOUT_MS_MAX = 3_600_000

interface ContentQuery {
  path?: string
  name?: string
  download?: string
  timeoutMs?: number
}

/** `GET` and `HEAD /v1/content/:id`: the bytes of a content, with ranges. */
export function addContentRoutes(app: FastifyInstance, parts: HttpParts): void {
  let downloads = 0
  app.route({
    method: ['GET', 'HEAD'],
    url: '/v1/content/:id',
    config: { operation: contentOperation, scope: 'read', load: 'read' },
    handler: async (request, reply) => {
      if (request.method === 'HEAD') return await answerContent(parts, request, reply)
      if (downloads >= DOWNLOADS_MAX)
        throw new TooManyStreamsError({ what: 'downloads', limit: DOWNLOADS_MAX })
      downloads++
      try {
        return await answerContent(parts, request, reply)
      } finally {
        downloads--
      }
    },
  })
}

async function answerContent(
  parts: HttpParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { content, config } = parts.services
  const query = readQuery(request.query)
  const signal = requestSignal(reply, parts.stopping)
  const rootId = parseContentId((request.params as { id: string }).id)
  // One look-up for the key and the name: it costs more than the rest of a small answer.
  const shared = sharedFileOf(parts.services, rootId)
  const rootKey = readKey(request.headers['x-kizuna-key']) ?? sharedKeyOf(parts.services, rootId, shared)
  const limits = { signal, timeoutMs: query.timeoutMs ?? config.downloadTimeoutMs }
  const { id, key } = await fileAt(parts, { id: rootId, key: rootKey }, query.path, limits)
  const options = { ...limits, reuse: true, ...(key === undefined ? {} : { key }) }
  const tag = `"${id}"`
  // The id names these very bytes, so whoever has them needs no second look at them.
  if (matchesEntityTag(request.headers['if-none-match'], tag))
    return reply.code(304).header('etag', tag).send()

  const whole = await content.retrieve(id, options)
  if (whole.kind === 'folder') return answerFolder(parts, reply, id, options)
  const name = query.name ?? query.path?.split('/').at(-1) ?? shared?.name ?? id
  const ranged = request.method === 'GET' && rangeApplies(request.headers['if-range'], tag)
  const range = ranged ? parseByteRange(request.headers.range, whole.sizeBytes) : undefined
  const headers: Record<string, string | number> = {
    ...contentHeaders({ name, download: query.download !== undefined }),
    etag: tag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'content-length': range?.length ?? whole.sizeBytes,
  }
  if (range !== undefined) headers['content-range'] = contentRange(range, whole.sizeBytes)
  const status = range === undefined ? 200 : 206
  if (request.method === 'HEAD') return reply.code(status).headers(headers).send()
  const found = range === undefined ? whole : await content.retrieve(id, { ...options, range })
  await stream(parts, reply, { found, headers, status, range, signal })
  return reply
}

/** The first piece is awaited before the head goes out, so that failing at once is still a proper status. */
async function stream(
  parts: HttpParts,
  reply: FastifyReply,
  answer: {
    found: Found
    headers: Record<string, string | number>
    status: number
    range: ByteRange | undefined
    signal: AbortSignal
  },
): Promise<void> {
  const lengthBytes = answer.range?.length ?? answer.found.sizeBytes
  const pieces = answer.found.bytes[Symbol.asyncIterator]()
  const first = await pieces.next()
  reply.hijack()
  reply.raw.writeHead(answer.status, answer.headers)
  try {
    await sendBytes(reply.raw, pieces, first, {
      clock: parts.services.clock,
      signal: answer.signal,
      lengthBytes,
    })
  } catch (error) {
    // The head is out: only the broken connection can tell the reader.
    const code = isKizunaError(error) ? error.code : 'INTERNAL'
    if (code === 'ABORTED') parts.log.debug('download ended early', { id: answer.found.id })
    else parts.log.warn('download broken off', { id: answer.found.id, code, error })
  }
}

async function answerFolder(
  parts: HttpParts,
  reply: FastifyReply,
  id: ContentId,
  options: { signal: AbortSignal; timeoutMs: number; key?: Uint8Array },
): Promise<FastifyReply> {
  const entries = await parts.services.content.listFolder(id, options)
  return reply
    .headers({
      etag: `"${id}"`,
      'x-content-type-options': 'nosniff',
      'content-type': 'application/json; charset=utf-8',
    })
    .send(JSON.stringify({ id, kind: 'folder', entries }))
}

/** The content itself, or the file at a path in that folder, with the key that opens it. */
async function fileAt(
  parts: HttpParts,
  root: { id: ContentId; key: Uint8Array | undefined },
  path: string | undefined,
  limits: { signal: AbortSignal; timeoutMs: number },
): Promise<{ id: ContentId; key: Uint8Array | undefined }> {
  if (path === undefined) return root
  const options = { ...limits, ...(root.key === undefined ? {} : { key: root.key }) }
  // Compared letter by letter with the listing: nothing is ever resolved on a file system.
  const entry = (await parts.services.content.listFolder(root.id, options)).find((one) => one.path === path)
  if (entry === undefined) throw new PathNotFoundError()
  return { id: entry.id, key: root.key === undefined ? undefined : folderFileKey(root.key, path) }
}

/** `If-Range` with another tag, or with a date (contents have none), means: the whole. */
function rangeApplies(ifRange: string | string[] | undefined, tag: string): boolean {
  return ifRange === undefined || String(ifRange).trim() === tag
}

function readQuery(raw: unknown): ContentQuery {
  const query = raw as Record<string, unknown>
  const text = (name: string): string | undefined => {
    const value = query[name]
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value.length > PATH_LENGTH_MAX) {
      throw new InvalidInputError({ what: `The query’s “${name}”`, reason: 'it is given twice or too long' })
    }
    return value
  }
  const [path, name, download] = [text('path'), text('name'), text('download')]
  const timeoutMs = readTimeout(text('timeout'))
  return {
    ...(path === undefined ? {} : { path }),
    ...(name === undefined ? {} : { name }),
    ...(download === undefined ? {} : { download }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
}

function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const timeoutMs = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (timeoutMs >= TIMEOUT_MS_MIN && timeoutMs <= TIMEOUT_MS_MAX) return timeoutMs
  throw new InvalidInputError({
    what: 'The query’s “timeout”',
    reason: `it must be ${TIMEOUT_MS_MIN} to ${TIMEOUT_MS_MAX} milliseconds`,
  })
}

function readKey(header: string | string[] | undefined): Uint8Array | undefined {
  if (header === undefined) return undefined
  const text = String(header)
  const key = /^[A-Za-z0-9_-]{43}$/.test(text) ? Buffer.from(text, 'base64url') : undefined
  if (key?.byteLength === KEY_BYTES) return key
  throw new InvalidInputError({
    what: 'The X-Kizuna-Key header',
    reason: 'it is not 32 bytes in base64url',
    hint: 'Copy the part after # of the share link.',
  })
}
