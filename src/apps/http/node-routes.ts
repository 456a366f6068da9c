import type { FastifyInstance } from 'fastify'
import type { Services } from '../../node/services.ts'
import { TooManyStreamsError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import type { HttpParts } from './http-parts.ts'
import { type DocumentedRoute, openApiDocument } from './openapi-document.ts'
import { requestSignal } from './request-signal.ts'
import { nodeOperations } from './route-operations.ts'

/** Below this the node soon cannot store what it is asked to. */
const FREE_BYTES_MIN = 256 * 1024 * 1024
/** More waiting than this and copies fall behind. */
const QUEUE_LENGTH_MAX = 10_000
const EVENT_STREAMS_MAX = 16

/** What `/health` says. `degraded` nodes answer and work, but somebody should look. */
export interface Health {
  status: 'ready' | 'degraded'
  /** Stable words: `disk-nearly-full`, `disk-unreadable`, `not-listening`, `repair-behind`. */
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
    config: { operation: nodeOperations.health, open: true },
    handler: async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      return healthOf(parts.services)
    },
  })
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { operation: nodeOperations.metrics },
    handler: async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await parts.services.metrics.print()),
  })
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { operation: nodeOperations.document },
    handler: async () => openApiDocument(routes, parts.version),
  })
  addEvents(app, parts)
}

/** Answers within the disk's time; asks nobody outside. */
export async function healthOf(services: Services): Promise<Health> {
  const reasons: string[] = []
  try {
    if ((await services.disk.space()).freeBytes < FREE_BYTES_MIN) reasons.push('disk-nearly-full')
  } catch {
    reasons.push('disk-unreadable')
  }
  if (services.network.addresses().length === 0) reasons.push('not-listening')
  if (Math.max(...Object.values(services.content.queues())) > QUEUE_LENGTH_MAX) reasons.push('repair-behind')
  return { status: reasons.length === 0 ? 'ready' : 'degraded', reasons }
}

function addEvents(app: FastifyInstance, parts: HttpParts): void {
  let streams = 0
  app.route({
    method: 'GET',
    url: '/v1/events',
    config: { operation: nodeOperations.events },
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
