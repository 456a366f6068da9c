import type { Command, CommandContext } from '../../commands/command.ts'
import type { Logger } from '../../core/log.ts'
import type { Services } from '../../node/services.ts'
import type { OpenApiOperation } from './openapi-document.ts'
import type { UploadStore } from './upload-store.ts'

/** Takes a command through its gates: validate, permit, limit, run, record. */
export type RunCommand = (command: Command, input: unknown, context: CommandContext) => Promise<unknown>

/** What the routes work with. */
export interface HttpParts {
  services: Services
  commands: readonly Command[]
  runCommand: RunCommand
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
