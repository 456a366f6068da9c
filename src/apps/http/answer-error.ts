import type { FastifyReply, FastifyRequest } from 'fastify'
import { KizunaError, toKizunaError } from '../../core/kizuna-error.ts'
import { BodyTooLargeError, InvalidRequestError } from './errors.ts'
import { JSON_BYTES_MAX } from './http-limits.ts'
import { httpStatusOf, retryAfterSecondsOf } from './http-status.ts'

/** Answers with an error: the status of its kind, and never a stack. */
export function answerError(reply: FastifyReply, request: FastifyRequest, error: KizunaError): FastifyReply {
  const status = httpStatusOf(error)
  const retryAfterSeconds = retryAfterSecondsOf(error)
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds)
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="kizuna"')
  if (status === 416) reply.header('content-range', `bytes */${error.details.sizeBytes}`)
  // A refused body is not read to its end: the connection goes instead.
  if (!request.raw.complete) reply.header('connection', 'close')
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ error: error.toJSON() }))
}

/** Any error as one of ours; Fastify's own refusals get our form. */
export function knownError(error: Error & { code?: string; statusCode?: number }): KizunaError {
  if (error instanceof KizunaError) return error
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new BodyTooLargeError({ limitBytes: JSON_BYTES_MAX })
  if (error.statusCode === 415) {
    return new InvalidRequestError({ status: 415, reason: 'its body is not declared as application/json' })
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new InvalidRequestError({ status: 400, reason: 'its address or body cannot be read' })
  }
  return toKizunaError(error)
}

/** A whole answer for what is no HTTP at all: there is no reply object, only the socket. */
export function rawRefusal(systemCode: string | undefined): string {
  const status =
    systemCode === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : systemCode === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const reason = {
    400: 'it is not HTTP',
    408: 'its headers did not come in time',
    431: 'its headers are too long',
  }[status]
  const body = JSON.stringify({ error: new InvalidRequestError({ status, reason }).toJSON() })
  const phrase = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' }[
    status
  ]
  return `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}
