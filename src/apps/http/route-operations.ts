import { z } from 'zod'
import type { Command } from '../../commands/command.ts'
import { ERROR_REFERENCE, json, type OpenApiOperation } from './openapi-document.ts'

const text = { type: 'string' }
const bytes = { type: 'string', format: 'binary' }

const failure = { default: { $ref: '#/components/responses/Error' } }
const id = { name: 'id', in: 'path', required: true, schema: text }
const tus = header('Tus-Resumable', '1.0.0', true)
const resultResponses = {
  200: {
    description:
      'The result; with `Accept: text/event-stream` events `progress` (at most five a second), then `result` or `error`.',
    content: { ...json({}), 'text/event-stream': { schema: text } },
  },
  ...failure,
}

/** The operation of a command's own route. */
export function commandOperation(command: Command): OpenApiOperation {
  return {
    operationId: command.name,
    summary: command.summary,
    description: command.description,
    tags: ['commands'],
    requestBody: { required: false, content: json(inputSchema(command)) },
    responses: resultResponses,
  }
}

/** `GET|HEAD /v1/content/:id`. */
export const contentOperation: OpenApiOperation = {
  operationId: 'content',
  summary: 'Read the bytes of a content, or a folder’s listing',
  tags: ['content'],
  parameters: [
    { ...id, description: 'Content id in any of its forms.' },
    query('path', 'A file inside the folder, exactly as its listing has it.'),
    query('name', 'File name for the answer’s headers.'),
    query('download', 'When there, a browser saves instead of showing.'),
    query('timeout', 'Milliseconds without any progress after which it ends with the reason.'),
    header('Range', 'One range of bytes; several at once are answered whole.'),
    header('If-Range', 'The ETag for which the range is meant.'),
    header('If-None-Match', 'ETags the asker has.'),
    header('X-Kizuna-Key', 'Key of encrypted content, base64url: what stands behind # in its link.'),
  ],
  responses: {
    200: { description: 'All of it.', content: { '*/*': { schema: bytes } } },
    206: { description: 'The range.', content: { '*/*': { schema: bytes } } },
    304: { description: 'The asker has it already.' },
    416: { description: 'The range lies outside.', content: json(ERROR_REFERENCE) },
    ...failure,
  },
}

/** `/v1/uploads…` and `/v1/share`. */
export const uploadOperations = {
  capabilities: {
    operationId: 'uploadCapabilities',
    summary: 'What this node can do of tus 1.0.0',
    tags: ['uploads'],
    responses: { 204: { description: 'In the headers.' }, ...failure },
  },
  create: {
    operationId: 'createUpload',
    summary: 'Begin a resumable upload (tus creation)',
    tags: ['uploads'],
    parameters: [
      tus,
      header('Upload-Length', 'Bytes in all.', true),
      header('Upload-Metadata', '`filename` in base64, as tus has it.'),
    ],
    responses: { 201: { description: 'Its address is in `Location`.' }, ...failure },
  },
  look: {
    operationId: 'uploadOffset',
    summary: 'Where an upload stands',
    tags: ['uploads'],
    parameters: [id, tus],
    responses: { 200: { description: 'In `Upload-Offset` and `Upload-Length`.' }, ...failure },
  },
  append: {
    operationId: 'appendUpload',
    summary: 'Send bytes of an upload',
    tags: ['uploads'],
    parameters: [id, tus, header('Upload-Offset', 'Where these bytes begin.', true)],
    requestBody: { required: true, content: { 'application/offset+octet-stream': { schema: bytes } } },
    responses: { 204: { description: 'The bytes up to `Upload-Offset` are safe.' }, ...failure },
  },
  remove: {
    operationId: 'removeUpload',
    summary: 'Give an upload up (tus termination)',
    tags: ['uploads'],
    parameters: [id, tus],
    responses: { 204: { description: 'It is gone.' }, ...failure },
  },
  share: (command: Command): OpenApiOperation => ({
    operationId: 'shareUpload',
    summary: 'Share a finished upload; it is removed when that succeeded',
    tags: ['uploads'],
    parameters: [id, ...inputQuery(command)],
    responses: resultResponses,
  }),
  shareBody: (command: Command): OpenApiOperation => ({
    operationId: 'shareBody',
    summary: 'Share the body of this request',
    tags: ['content'],
    parameters: inputQuery(command),
    requestBody: { required: true, content: { '*/*': { schema: bytes } } },
    responses: resultResponses,
  }),
}

/** Routes about the node itself. */
export const nodeOperations = {
  health: {
    operationId: 'health',
    summary: 'Whether the node works; needs no token',
    tags: ['node'],
    security: [{}],
    responses: {
      200: {
        description: 'It answers.',
        content: json({
          type: 'object',
          required: ['status', 'reasons'],
          properties: { status: { enum: ['ready', 'degraded'] }, reasons: { type: 'array', items: text } },
        }),
      },
      ...failure,
    },
  },
  metrics: {
    operationId: 'metrics',
    summary: 'Metrics in the Prometheus text format',
    tags: ['node'],
    responses: {
      200: { description: 'The metrics.', content: { 'text/plain': { schema: text } } },
      ...failure,
    },
  },
  document: {
    operationId: 'openApi',
    summary: 'This document',
    tags: ['node'],
    responses: { 200: { description: 'OpenAPI 3.1.', content: json({ type: 'object' }) }, ...failure },
  },
  events: {
    operationId: 'events',
    summary: 'Peers as they come and go, as server-sent events',
    tags: ['node'],
    responses: {
      200: { description: 'Events `peer`.', content: { 'text/event-stream': { schema: text } } },
      ...failure,
    },
  },
} satisfies Record<string, OpenApiOperation>

function inputSchema(command: Command): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(command.input, { io: 'input', unrepresentable: 'any' })
  return schema
}

function header(name: string, description: string, required = false): Record<string, unknown> {
  return { name, in: 'header', required, description, schema: text }
}

function query(name: string, description: string): Record<string, unknown> {
  return { name, in: 'query', required: false, description, schema: text }
}

/** A command's input fields as query parameters. */
function inputQuery(command: Command): Record<string, unknown>[] {
  const { properties = {} } = inputSchema(command) as { properties?: Record<string, Record<string, unknown>> }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    description: schema.description ?? '',
    schema,
  }))
}
