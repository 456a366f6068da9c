import { createServer, type Server } from 'node:http'
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify'
import { answerError, knownError, rawRefusal } from './answer-error.ts'
import { JSON_BYTES_MAX } from './http-limits.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** All headers of a request together. */
const HEADER_BYTES_MAX = 16 * 1024
const HEADERS_TIMEOUT_MS = 10_000
/** A handshake that is not finished by then is no honest one. */
const HANDSHAKE_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 256
const REQUESTS_PER_CONNECTION_MAX = 10_000
const KEEP_ALIVE_MS = 15_000
const CONNECTION_CHECK_INTERVAL_MS = 1_000
/**
 * What a connection may hold of a body before it is read. A chunk's worth, so that a large upload takes its turn on the
 * event loop a few times for each chunk, and not dozens of times: beside many small requests each turn is a wait.
 */
const BUFFERED_BYTES_MAX = 256 * 1024

/** Limits of every listener, plain or TLS. */
const SERVER_LIMITS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_TIMEOUT_MS,
  connectionsCheckingInterval: CONNECTION_CHECK_INTERVAL_MS,
  highWaterMark: BUFFERED_BYTES_MAX,
} as const

/** The application with its limits; routes and gates come later. With credentials it speaks TLS and nothing else. */
export function createApp(tls: TlsCredentials | undefined): FastifyInstance {
  const options: FastifyServerOptions = {
    bodyLimit: JSON_BYTES_MAX,
    exposeHeadRoutes: false,
    logger: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Uploads may last hours; their progress is what is watched.
    requestTimeout: 0,
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, request, reply) => answerError(reply, request, knownError(error)),
    clientErrorHandler: refuseRaw,
  }
  const app = tls === undefined ? fastify({ ...options, http: SERVER_LIMITS }) : createTlsApp(options, tls)
  // Text is what a web page may send to anyone without asking; commands take declared JSON only.
  app.removeContentTypeParser('text/plain')
  limitConnections(app.server as Server)
  return app
}

function createTlsApp(options: FastifyServerOptions, { cert, key }: TlsCredentials): FastifyInstance {
  const https = {
    ...SERVER_LIMITS,
    cert,
    key,
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  } as const
  // Routes and hooks are the same for both; only Fastify's types tell the servers apart.
  return fastify({ ...options, https } as unknown as FastifyServerOptions)
}

/**
 * A plain listener on loopback for the programs of this machine, beside one that speaks TLS to others: their certificate
 * need not name this machine as its own programs call it. Not listening yet.
 */
export function createLocalListener(app: FastifyInstance): Server {
  const server = createServer(
    { ...SERVER_LIMITS, requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => app.routing(request, response),
  )
  server.on('clientError', refuseRaw)
  limitConnections(server)
  return server
}

function limitConnections(server: Server): void {
  server.maxConnections = CONNECTIONS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
}

function refuseRaw(
  error: Error & { code?: string },
  socket: { writable: boolean; end(text: string): void },
): void {
  if (socket.writable) socket.end(rawRefusal(error.code))
}
