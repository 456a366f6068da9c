import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { accessOf, callerOf } from './access.ts'
import { answerCommand } from './answer-command.ts'
import { InvalidRequestError, UploadNotFoundError } from './errors.ts'
import type { HttpParts } from './http-parts.ts'
import { inputFromQuery } from './query-input.ts'
import { receiveBody } from './receive-body.ts'
import { requestSignal } from './request-signal.ts'
import { uploadOperations } from './route-operations.ts'
import { parseByteCount, parseUploadMetadata } from './tus-headers.ts'
import { UPLOAD_BYTES_MAX, type Upload } from './upload-store.ts'

const TUS_VERSION = '1.0.0'
const PATCH_TYPE = 'application/offset+octet-stream'
const URL_ONE = '/v1/uploads/:id'

/**
 * Resumable upload: tus 1.0.0 with creation, expiration and termination, and `POST …/share` for what was
 * uploaded. `POST /v1/share` takes a body in one piece.
 */
export function addUploadRoutes(app: FastifyInstance, parts: HttpParts): void {
  const share = parts.commands.find((command) => command.name === 'share')
  app.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/v1/uploads')) reply.header('tus-resumable', TUS_VERSION)
  })
  app.route({
    method: 'OPTIONS',
    url: '/v1/uploads',
    config: { operation: uploadOperations.capabilities, scope: 'write' },
    handler: (_request, reply) =>
      reply
        .code(204)
        .headers({
          'tus-version': TUS_VERSION,
          'tus-extension': 'creation,expiration,termination',
          'tus-max-size': String(UPLOAD_BYTES_MAX),
        })
        .send(),
  })
  app.route({
    method: 'POST',
    url: '/v1/uploads',
    config: { operation: uploadOperations.create, scope: 'write', streamsBody: true },
    handler: async (request, reply) => {
      checkVersion(request)
      const metadata = String(request.headers['upload-metadata'] ?? '')
      parseUploadMetadata(metadata)
      const sizeBytes = parseByteCount('Upload-Length', request.headers['upload-length'])
      const upload = await parts.uploads.create({ sizeBytes, metadata })
      return standing(reply.code(201), upload).header('location', `/v1/uploads/${upload.id}`).send()
    },
  })
  app.route({
    method: 'HEAD',
    url: URL_ONE,
    config: { operation: uploadOperations.look, scope: 'write' },
    handler: async (request, reply) => {
      checkVersion(request)
      const upload = parts.uploads.find(idOf(request))
      if (upload.metadata !== '') reply.header('upload-metadata', upload.metadata)
      return standing(reply.code(200), upload).header('upload-length', upload.sizeBytes).send()
    },
  })
  app.route({
    method: 'PATCH',
    url: URL_ONE,
    config: { operation: uploadOperations.append, scope: 'write', streamsBody: true, load: 'write' },
    handler: async (request, reply) => {
      checkVersion(request)
      if (request.headers['content-type'] !== PATCH_TYPE) {
        throw new InvalidRequestError({ status: 415, reason: `its Content-Type must be ${PATCH_TYPE}` })
      }
      const offset = parseByteCount('Upload-Offset', request.headers['upload-offset'])
      const body = receiveBody(request.raw, parts.services, {
        bytesMax: UPLOAD_BYTES_MAX,
        signal: requestSignal(reply, parts.stopping),
      })
      return standing(reply.code(204), await parts.uploads.append(idOf(request), offset, body)).send()
    },
  })
  app.route({
    method: 'DELETE',
    url: URL_ONE,
    config: { operation: uploadOperations.remove, scope: 'write' },
    handler: async (request, reply) => {
      checkVersion(request)
      await parts.uploads.remove(idOf(request))
      return reply.code(204).send()
    },
  })
  if (share === undefined) return
  app.route({
    method: 'POST',
    url: `${URL_ONE}/share`,
    config: { operation: uploadOperations.share(share), scope: 'write', load: 'write' },
    handler: (request, reply) =>
      answerCommand(parts, request, reply, (context) =>
        parts.uploads.consume(idOf(request), (upload, body) => {
          const name = parseUploadMetadata(upload.metadata).get('filename')
          const given = {
            ...(name === undefined ? {} : { name }),
            ...(request.query as Record<string, unknown>),
          }
          return parts.runner.run(share, inputFromQuery(share, given), callerOf(accessOf(request)), {
            ...context,
            body,
          })
        }),
      ),
  })
  app.route({
    method: 'POST',
    url: '/v1/share',
    config: {
      operation: uploadOperations.shareBody(share),
      scope: 'write',
      streamsBody: true,
      load: 'write',
    },
    handler: (request, reply) =>
      answerCommand(parts, request, reply, (context) => {
        const input = inputFromQuery(share, request.query as Record<string, unknown>)
        const body = receiveBody(request.raw, parts.services, {
          bytesMax: UPLOAD_BYTES_MAX,
          signal: context.signal,
        })
        return parts.runner.run(share, input, callerOf(accessOf(request)), { ...context, body })
      }),
  })
}

/** Where the upload stands, in the headers that every tus answer has. */
function standing(reply: FastifyReply, upload: Upload): FastifyReply {
  return reply.headers({
    'upload-offset': upload.offset,
    'upload-expires': new Date(upload.expiresAt).toUTCString(),
    'cache-control': 'no-store',
  })
}

/** tus 1.0.0: a request with another version is answered 412. */
function checkVersion(request: FastifyRequest): void {
  if (request.headers['tus-resumable'] === TUS_VERSION) return
  throw new InvalidRequestError({
    status: 412,
    reason: 'it has no `Tus-Resumable: 1.0.0` header',
    hint: 'This node speaks tus 1.0.0; ask OPTIONS /v1/uploads for what it can do.',
  })
}

function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string }
  if (!/^[0-9a-f]{32}$/.test(id)) throw new UploadNotFoundError()
  return id
}
