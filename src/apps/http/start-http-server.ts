import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type FastifyError, type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import type { Command } from '../../commands/command.ts'
import { CommandRunner } from '../../commands/run-command.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import { AbortedError } from '../../core/errors.ts'
import type { KizunaError } from '../../core/kizuna-error.ts'
import type { Services } from '../../node/services.ts'
import { answerError, knownError, rawRefusal } from './answer-error.ts'
import { AnswersUnderWay } from './answers-under-way.ts'
import { addCommandRoutes } from './command-routes.ts'
import { addContentRoutes } from './content-routes.ts'
import { ApiAddressTakenError, PublicAddressError, RouteNotFoundError } from './errors.ts'
import { JSON_BYTES_MAX } from './http-limits.ts'
import type { HttpParts } from './http-parts.ts'
import { addNodeRoutes } from './node-routes.ts'
import type { DocumentedRoute } from './openapi-document.ts'
import { isLoopback, RequestGuard } from './request-guard.ts'
import { addUploadRoutes } from './upload-routes.ts'
import { UploadStore } from './upload-store.ts'

/** All headers of a request together. */
const HEADER_BYTES_MAX = 16 * 1024
const HEADERS_TIMEOUT_MS = 10_000
/** For a JSON body; streams have limits of their own in receive-body.ts. */
const JSON_BODY_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 256
const KEEP_ALIVE_MS = 15_000
const CONNECTION_CHECK_INTERVAL_MS = 1_000
/** Answers under way get this long to end once the server stops. */
const STOP_GRACE_MS = 2_000

/** How a node's HTTP API is started. */
export interface HttpServerOptions {
  host: string
  /** 0 takes any free one. */
  port: number
  /** At least 128 bits of chance; whoever has it owns the node. */
  token: string
  commands: readonly Command[]
  version: string
  /** Consent to a `host` that other machines reach. @default false */
  publicConsent?: boolean
}

/** A running HTTP API. */
export interface HttpServer {
  /** `http://host:port` for programs on this machine. */
  url: string
  /** Every route of the router, for tests and documentation. */
  routes: readonly DocumentedRoute[]
  /** Ends within 3 s, also with open streams. */
  stop(): Promise<void>
}

/**
 * Starts the HTTP API of a node.
 * @throws PublicAddressError when other machines would reach it and nobody consented.
 * @throws ApiAddressTakenError
 */
export async function startHttpServer(services: Services, options: HttpServerOptions): Promise<HttpServer> {
  if (!isLoopback(options.host) && options.publicConsent !== true)
    throw new PublicAddressError({ host: options.host })
  const log = services.log.named('http')
  const stopping = new AbortController()
  const guard = new RequestGuard(services, {
    token: options.token,
    host: options.host,
    public: options.publicConsent === true,
  })
  const uploads = await UploadStore.open({ ...seams(services), log })
  const parts: HttpParts = {
    services,
    commands: options.commands,
    runner: new CommandRunner(services),
    uploads,
    log,
    version: options.version,
    stopping: stopping.signal,
  }
  const app = createApp()
  const answers = new AnswersUnderWay(app.server as Server)
  const routes = collectRoutes(app)
  addGates(app, parts, guard)
  addRoutes(app, parts, routes)
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    uploads.close()
    await app.close()
    const systemCode = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    throw new ApiAddressTakenError({ host: options.host, port: options.port, systemCode })
  }
  const { port } = app.server.address() as AddressInfo
  guard.listensOn(port)
  log.info('listening', { host: options.host, port })
  return {
    url: `http://${urlHost(options.host)}:${port}`,
    routes,
    async stop() {
      stopping.abort(new AbortedError({ what: 'The request' }))
      uploads.close()
      await stopServer(app, answers, services.clock)
    },
  }
}

function createApp(): FastifyInstance {
  const app = fastify({
    bodyLimit: JSON_BYTES_MAX,
    exposeHeadRoutes: false,
    logger: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Uploads may last hours; their progress is what is watched.
    requestTimeout: 0,
    routerOptions: { maxParamLength: 100 },
    http: {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTION_CHECK_INTERVAL_MS,
    },
    frameworkErrors: (error, request, reply) => answerError(reply, request, knownError(error)),
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return
      socket.end(rawRefusal(error.code))
    },
  })
  // Text is what a web page may send to anyone without asking; commands take declared JSON only.
  app.removeContentTypeParser('text/plain')
  app.server.maxConnections = CONNECTIONS_MAX
  app.server.maxRequestsPerSocket = 10_000
  return app
}

/** The routes as the router gets them, one entry per method. */
function collectRoutes(app: FastifyInstance): DocumentedRoute[] {
  const routes: DocumentedRoute[] = []
  app.addHook('onRoute', (route) => {
    const { operation } = route.config ?? {}
    if (operation === undefined) throw new Error(`The route ${route.url} has no operation for OpenAPI.`)
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, operation })
  })
  return routes
}

/** What every request passes, routes or not: guard, body time limit, error form, one log line. */
function addGates(app: FastifyInstance, parts: HttpParts, guard: RequestGuard): void {
  const { clock } = parts.services
  const started = new WeakMap<FastifyRequest, number>()
  const bodyTimers = new WeakMap<FastifyRequest, Timer>()
  app.addHook('onRequest', async (request) => {
    started.set(request, clock.monotonic())
    const { open, streamsBody } = request.routeOptions.config
    guard.check({
      headers: request.headers,
      remote: request.socket.remoteAddress ?? '',
      tokenNeeded: open !== true,
    })
    if (streamsBody !== true) bodyTimers.set(request, limitBodyTime(request, clock))
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
    return answerError(reply, request, known)
  })
}

function addRoutes(app: FastifyInstance, parts: HttpParts, routes: readonly DocumentedRoute[]): void {
  addNodeRoutes(app, parts, routes)
  addCommandRoutes(app, parts)
  addContentRoutes(app, parts)
  app.register(async (streams) => {
    streams.removeAllContentTypeParsers()
    // Whatever it says it is, it is read as it comes.
    streams.addContentTypeParser('*', (_request, _body, done) => done(null))
    addUploadRoutes(streams, parts)
  })
}

function limitBodyTime(request: FastifyRequest, clock: Clock): Timer {
  return clock.after(JSON_BODY_TIMEOUT_MS, () => {
    if (!request.raw.complete) request.raw.socket.destroy()
  })
}

/** Lets the answers under way end, within limits, and closes what is left: silent sockets too. */
async function stopServer(app: FastifyInstance, answers: AnswersUnderWay, clock: Clock): Promise<void> {
  const server = app.server as Server
  const enough = clock.deadline(STOP_GRACE_MS)
  const closed = app.close()
  await answers.ended(enough)
  server.closeAllConnections()
  await closed
}

function seams(services: Services) {
  const { disk, index, clock, random } = services
  return { disk, index, clock, random }
}

/** An address to call this machine by: the unspecified ones are reached through loopback. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
