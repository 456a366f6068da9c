import type { FastifyInstance } from 'fastify'
import { accessOf, callerOf, scopeOfCommand } from './access.ts'
import { answerCommand } from './answer-command.ts'
import type { HttpParts } from './http-parts.ts'
import { commandOperation } from './route-operations.ts'

/** `POST /v1/commands/<name>`: every command, its input as JSON body. */
export function addCommandRoutes(app: FastifyInstance, parts: HttpParts): void {
  for (const command of parts.commands) {
    app.route({
      method: 'POST',
      url: `/v1/commands/${command.name}`,
      config: {
        operation: commandOperation(command),
        scope: scopeOfCommand(command),
        load: command.cost === 'heavy' ? 'write' : 'light',
      },
      handler: (request, reply) =>
        answerCommand(parts, request, reply, (context) =>
          parts.runner.run(command, request.body ?? {}, callerOf(accessOf(request)), context),
        ),
    })
  }
}
