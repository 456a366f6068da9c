import { ERROR_KINDS } from '../../core/kizuna-error.ts'
import type { TokenScope } from '../../node/api-tokens.ts'

/** One operation of OpenAPI 3.1; only the parts we write. */
export interface OpenApiOperation {
  operationId: string
  summary: string
  description?: string
  tags: readonly string[]
  security?: readonly Record<string, never>[]
  parameters?: readonly Record<string, unknown>[]
  requestBody?: Record<string, unknown>
  responses: Readonly<Record<string, unknown>>
}

/** A route as the router has it. */
export interface DocumentedRoute {
  method: string
  url: string
  operation: OpenApiOperation
  /** What a token has to be good for; undefined when none is needed. */
  scope: TokenScope | undefined
}

/** The whole document, from the routes that the router really has. */
export function openApiDocument(
  routes: readonly DocumentedRoute[],
  version: string,
): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}')
    const operations = paths[path] ?? {}
    const several = Object.keys(operations).length > 0
    operations[route.method.toLowerCase()] = {
      ...route.operation,
      ...(route.scope === undefined ? {} : { 'x-token-scope': route.scope }),
      operationId:
        several && route.method === 'HEAD'
          ? `${route.operation.operationId}Head`
          : route.operation.operationId,
    }
    paths[path] = operations
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kizuna node',
      version,
      description: 'One node of a community’s storage. Every command of the command line is here as well.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The token in `api.json`, or one made with `kizuna token`; `x-token-scope` says what it has to be good for.',
        },
      },
      schemas: { Error: ERROR_SCHEMA },
      responses: {
        Error: { description: 'What went wrong, and what to do.', content: json(ERROR_REFERENCE) },
      },
    },
  }
}

/** Points at the schema of an error's body. */
export const ERROR_REFERENCE = { $ref: '#/components/schemas/Error' }
const ERROR_SCHEMA = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'kind', 'message', 'hint'],
      properties: {
        code: { type: 'string', description: 'Stable; docs/operating/troubleshooting.md explains each.' },
        kind: { enum: ERROR_KINDS },
        message: { type: 'string' },
        hint: { type: 'string' },
        details: { type: 'object' },
      },
    },
  },
}

/** A JSON media type with this schema. */
export function json(schema: unknown): Record<string, unknown> {
  return { 'application/json': { schema } }
}
