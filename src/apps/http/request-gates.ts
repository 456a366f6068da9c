import type { TLSSocket } from 'node:tls'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, Timer } from '../../core/clock.ts'
import type { KizunaError } from '../../core/kizuna-error.ts'
import type { Admission } from './admission.ts'
import { answerError, knownError } from './answer-error.ts'
import { InvalidRequestError, RouteNotFoundError } from './errors.ts'
import type { HttpParts } from './http-parts.ts'
import { lingerBeforeClosing } from './linger.ts'
import type { RequestGuard } from './request-guard.ts'
import { requestSignal } from './request-signal.ts'
import { securityHeaders } from './security-headers.ts'

/** For a JSON body; streams have limits of their own in receive-body.ts. */
const JSON_BODY_TIMEOUT_MS = 10_000

/** What every request passes, routes or not: guard, headers, body time limit, admission, error form, one log line. */
export function addGates(
  app: FastifyInstance,
  parts: HttpParts,
  gates: { guard: RequestGuard; admission: Admission },
): void {
  const { clock } = parts.services
  const started = new WeakMap<FastifyRequest, number>()
  const bodyTimers = new WeakMap<FastifyRequest, Timer>()
  app.addHook('onRequest', async (request, reply) => {
    started.set(request, clock.monotonic())
    const encrypted = (request.raw.socket as Partial<TLSSocket>).encrypted === true
    const headers = securityHeaders({ encrypted })
    reply.headers(headers)
    // Answers that are streamed write their own head; these stay under it.
    for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value)
    refuseTwins(request.raw.headersDistinct)
    const { open, scope, streamsBody } = request.routeOptions.config
    const access = gates.guard.check({
      headers: request.headers,
      remote: request.socket.remoteAddress ?? '',
      encrypted,
      // What no route answers says so only to those who may look.
      scope: open === true ? undefined : (scope ?? 'read'),
    })
    if (access !== undefined) request.access = access
    if (streamsBody !== true) bodyTimers.set(request, limitBodyTime(request, clock))
    await admit(gates.admission, parts, request, reply)
  })
  app.addHook('preHandler', async (request) => bodyTimers.get(request)?.stop())
  app.addHook('onResponse', async (request, reply) => {
    bodyTimers.get(request)?.stop()
    const route = request.routeOptions.url ?? 'none'
    const durationMs = Math.round(clock.monotonic() - (started.get(request) ?? 0))
    // The route's pattern, never the address as sent: ids and names are the user's business.
    parts.log.debug('request', { method: request.method, route, status: reply.raw.statusCode, durationMs })
    parts.services.metrics.count('kizuna_http_requests_total', {
      status: `${Math.floor(reply.raw.statusCode / 100)}xx`,
    })
  })
  app.setNotFoundHandler((request) => {
    throw new RouteNotFoundError({ method: request.method })
  })
  app.setErrorHandler((error: FastifyError | KizunaError, request, reply) => {
    const known = knownError(error)
    // One of ours was logged where it was made.
    if (known !== error && known.code === 'INTERNAL') {
      parts.log.error('request failed', { route: request.routeOptions.url, cause: error })
    }
    if (!request.raw.complete) lingerBeforeClosing(request.raw, clock)
    return answerError(reply, request, known)
  })
}

/** Takes a place for the request until its answer has gone out, or broke off. @throws OverloadedError */
async function admit(
  admission: Admission,
  parts: HttpParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { load = 'light' } = request.routeOptions.config
  if (load === 'none') return
  const leave = await admission.enter(
    request.method === 'HEAD' ? 'light' : load,
    requestSignal(reply, parts.stopping),
  )
  if (reply.raw.closed) leave()
  else reply.raw.once('close', leave)
}

/** Headers that decide who may: of two, somebody on the way might have looked at the other one. */
const DECIDING = ['host', 'authorization', 'origin', 'sec-fetch-site', 'content-length', 'transfer-encoding']

/** @throws InvalidRequestError */
function refuseTwins(headers: NodeJS.Dict<string[]>): void {
  const twin = DECIDING.find((name) => (headers[name]?.length ?? 0) > 1)
  if (twin !== undefined)
    throw new InvalidRequestError({ status: 400, reason: `its ${twin} header comes twice` })
}

function limitBodyTime(request: FastifyRequest, clock: Clock): Timer {
  return clock.after(JSON_BODY_TIMEOUT_MS, () => {
    if (!request.raw.complete) request.raw.socket.destroy()
  })
}
