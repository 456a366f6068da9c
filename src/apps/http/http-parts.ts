import type { Command } from '../../commands/command.ts'
import type { CommandRunner } from '../../commands/run-command.ts'
import type { Logger } from '../../core/log.ts'
import type { TokenScope } from '../../node/api-tokens.ts'
import type { Services } from '../../node/services.ts'
import type { Access } from './access.ts'
import type { RequestLoad } from './admission.ts'
import type { OpenApiOperation } from './openapi-document.ts'
import type { UploadStore } from './upload-store.ts'

/** What the routes work with. */
export interface HttpParts {
  services: Services
  commands: readonly Command[]
  runner: CommandRunner
  uploads: UploadStore
  log: Logger
  version: string
  /** Aborts when the server stops. */
  stopping: AbortSignal
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard; a route that needs no token may be without. */
    access?: Access
  }
  interface FastifyContextConfig {
    /** How the route reads in OpenAPI; every route has one. */
    operation?: OpenApiOperation
    /** Needs no token. Every other route has a scope. */
    open?: boolean
    /** The least that a token has to be good for. */
    scope?: TokenScope
    /** The body is a stream with limits of its own, not a small JSON text. */
    streamsBody?: boolean
    /** What it makes the node do; `none` passes however much there is to do. @default `light` */
    load?: RequestLoad | 'none'
  }
}
