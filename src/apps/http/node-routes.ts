import type { FastifyInstance } from 'fastify'
import { TooManyStreamsError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import type { HttpParts } from './http-parts.ts'
import { type DocumentedRoute, openApiDocument } from './openapi-document.ts'
import { requestSignal } from './request-signal.ts'
import { nodeOperations } from './route-operations.ts'

const EVENT_STREAMS_MAX = 16

/** What `/health` says. `degraded` nodes answer and work, but somebody should look. */
interface Health {
  status: 'ready' | 'degraded'
  /** Stable words such as `disk-nearly-full`. */
  reasons: string[]
}

/** `/health`, `/metrics`, `/openapi.json` and `/v1/events`. */
export function addNodeRoutes(
  app: FastifyInstance,
  parts: HttpParts,
  routes: readonly DocumentedRoute[],
): void {
  app.route({
    method: 'GET',
    url: '/health',
    config: { operation: nodeOperations.health, open: true, load: 'none' },
    handler: async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      const reasons = await parts.services.state.degraded()
      const health: Health = { status: reasons.length === 0 ? 'ready' : 'degraded', reasons }
      return health
    },
  })
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { operation: nodeOperations.metrics, scope: 'read', load: 'none' },
    handler: async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await parts.services.metrics.print()),
  })
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { operation: nodeOperations.document, scope: 'read' },
    handler: async () => openApiDocument(routes, parts.version),
  })
  addEvents(app, parts)
}

function addEvents(app: FastifyInstance, parts: HttpParts): void {
  let streams = 0
  app.route({
    method: 'GET',
    url: '/v1/events',
    config: { operation: nodeOperations.events, scope: 'read', load: 'none' },
    handler: async (_request, reply) => {
      if (streams >= EVENT_STREAMS_MAX)
        throw new TooManyStreamsError({ what: 'event streams', limit: EVENT_STREAMS_MAX })
      streams++
      const signal = requestSignal(reply, parts.stopping)
      reply.hijack()
      const events = new EventStream({ response: reply.raw, clock: parts.services.clock })
      parts.services.metrics.count('kizuna_http_event_streams_total')
      const silence = parts.services.network.onPeer((event) => events.offer('peer', event))
      try {
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve()
          else signal.addEventListener('abort', () => resolve(), { once: true })
        })
      } finally {
        streams--
        silence()
        events.end()
      }
      return reply
    },
  })
}
