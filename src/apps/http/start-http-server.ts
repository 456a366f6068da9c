import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Command } from '../../commands/command.ts'
import { CommandRunner } from '../../commands/run-command.ts'
import type { Clock } from '../../core/clock.ts'
import { AbortedError } from '../../core/errors.ts'
import type { Secret } from '../../core/secret.ts'
import type { Services } from '../../node/services.ts'
import { Admission } from './admission.ts'
import { AnswersUnderWay } from './answers-under-way.ts'
import { addCommandRoutes } from './command-routes.ts'
import { addContentRoutes } from './content-routes.ts'
import { createApp, createLocalListener } from './create-app.ts'
import { ApiAddressTakenError, PublicAddressError } from './errors.ts'
import { eventLoopShare } from './event-loop-share.ts'
import type { HttpParts } from './http-parts.ts'
import { addNodeRoutes } from './node-routes.ts'
import type { DocumentedRoute } from './openapi-document.ts'
import { addGates } from './request-gates.ts'
import { isLoopback, RequestGuard } from './request-guard.ts'
import { readTlsCredentials } from './tls-credentials.ts'
import { addUploadRoutes } from './upload-routes.ts'
import { UploadStore } from './upload-store.ts'

/** Answers under way get this long to end once the server stops. */
const STOP_GRACE_MS = 2_000
const LOOPBACK = '127.0.0.1'

/** How a node's HTTP API is started. */
export interface HttpServerOptions {
  host: string
  /** 0 takes any free one. */
  port: number
  /** At least 128 bits of chance; whoever has it owns the node. */
  token: Secret<string>
  commands: readonly Command[]
  version: string
  /** Consent to a `host` that other machines reach without encryption. @default false */
  publicConsent?: boolean
  /** PEM files; with them the listener at `host` speaks TLS, and a plain one on loopback is added for this machine. */
  tls?: { certFile: string; keyFile: string }
  /** The share of the time since it was last asked that the node was at work, from 0 to 1. @default the event loop's */
  workShare?: () => number
}

/** A running HTTP API. */
export interface HttpServer {
  /** `http://host:port` for programs on this machine. */
  url: string
  /** `https://host:port` where others reach it, with TLS. */
  publicUrl: string | undefined
  /** Every route of the router, for tests and documentation. */
  routes: readonly DocumentedRoute[]
  /** Ends within 3 s, also with open streams. */
  stop(): Promise<void>
}

/**
 * Starts the HTTP API of a node.
 * @throws PublicAddressError when other machines would reach it, unencrypted, and nobody consented.
 * @throws ApiAddressTakenError, ApiTlsUnusableError
 */
export async function startHttpServer(services: Services, options: HttpServerOptions): Promise<HttpServer> {
  const isPublic = !isLoopback(options.host)
  if (isPublic && options.tls === undefined && options.publicConsent !== true)
    throw new PublicAddressError({ host: options.host })
  const log = services.log.named('http')
  const tls = options.tls === undefined ? undefined : await readTlsCredentials(options.tls, log)
  const stopping = new AbortController()
  const guard = new RequestGuard(services, {
    token: options.token,
    host: options.host,
    public: isPublic,
    ...(tls === undefined ? {} : { isCertified: tls.isCertified }),
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
  const app = createApp(tls)
  const local = tls === undefined ? undefined : createLocalListener(app)
  const servers = [app.server as Server, ...(local === undefined ? [] : [local])]
  const answers = new AnswersUnderWay(servers)
  const routes = collectRoutes(app)
  addGates(app, parts, { guard, admission: createAdmission(services, options) })
  addRoutes(app, parts, routes)
  const stop = async () => {
    stopping.abort(new AbortedError({ what: 'The request' }))
    uploads.close()
    await stopServers(app, local, answers, services.clock)
  }
  try {
    await app.listen({ host: options.host, port: options.port })
    if (local !== undefined) await listenLocally(local)
  } catch (error) {
    await stop()
    const systemCode = String((error as NodeJS.ErrnoException).code ?? 'unknown')
    throw new ApiAddressTakenError({ host: options.host, port: options.port, systemCode })
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const port of ports) guard.listensOn(port)
  const [port, localPort] = ports
  log.info('listening', { host: options.host, port, tls: tls !== undefined })
  return {
    url:
      localPort === undefined ? `http://${urlHost(options.host)}:${port}` : `http://${LOOPBACK}:${localPort}`,
    publicUrl: tls === undefined ? undefined : `https://${urlHost(options.host)}:${port}`,
    routes,
    stop,
  }
}

function createAdmission({ clock, random, metrics }: Services, { workShare }: HttpServerOptions): Admission {
  return new Admission({ clock, random, metrics, workShare: workShare ?? eventLoopShare() })
}

/** The routes as the router gets them, one entry per method. */
function collectRoutes(app: FastifyInstance): DocumentedRoute[] {
  const routes: DocumentedRoute[] = []
  app.addHook('onRoute', (route) => {
    const { operation, open, scope } = route.config ?? {}
    if (operation === undefined) throw new Error(`The route ${route.url} has no operation for OpenAPI.`)
    if ((open === true) === (scope !== undefined)) throw new Error(`The route ${route.url} has no one scope.`)
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, operation, scope })
  })
  return routes
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

function listenLocally(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, LOOPBACK, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Lets the answers under way end, within limits, and closes what is left: silent sockets too. */
async function stopServers(
  app: FastifyInstance,
  local: Server | undefined,
  answers: AnswersUnderWay,
  clock: Clock,
): Promise<void> {
  const enough = clock.deadline(STOP_GRACE_MS)
  const closed = app.close()
  const localClosed = new Promise<void>((resolve) => {
    if (local?.listening === true) local.close(() => resolve())
    else resolve()
  })
  await answers.ended(enough)
  ;(app.server as Server).closeAllConnections()
  local?.closeAllConnections()
  await Promise.all([closed, localClosed])
}

function seams(services: Services) {
  const { disk, index, clock, random } = services
  return { disk, index, clock, random }
}

/** An address to call this machine by: the unspecified ones are reached through loopback. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return LOOPBACK
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
