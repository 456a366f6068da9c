import type { Command } from '../../commands/command.ts'
import type { CommandRunner } from '../../commands/run-command.ts'
import type { Logger } from '../../core/log.ts'
import type { Services } from '../../node/services.ts'
import type { OpenApiOperation } from './openapi-document.ts'
import type { UploadStore } from './upload-store.ts'

/** Whoever has the token owns the node. */
export const API_CALLER = { id: 'api', permission: 'owner' } as const

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
  interface FastifyContextConfig {
    /** How the route reads in OpenAPI; every route has one. */
    operation?: OpenApiOperation
    /** Needs no token. */
    open?: boolean
    /** The body is a stream with limits of its own, not a small JSON text. */
    streamsBody?: boolean
  }
}
