import { createTransport, type ErrorEvent, type StackFrame } from '@sentry/core'
import { ServerRuntimeClient } from '@sentry/core/server'
import { isKizunaError } from '../core/kizuna-error.ts'
import type { LogFields, RootLogger } from '../core/log.ts'
import type { Secret } from '../core/secret.ts'

/** Fields of a log line that say where and never whose or what. */
const FIELDS = ['part', 'command', 'code', 'correlationId', 'job'] as const
/** Ids, keys, links, addresses and paths: everything that could name somebody or open something. */
const PRIVATE =
  /[a-z][a-z0-9+.-]*:\S+|\/\S{4,}|[A-Za-z]:\\\S+|\S+@\S+|\b\d{1,3}(?:\.\d{1,3}){3}\b|[A-Za-z0-9_-]{16,}/g
const TEXT_LENGTH_MAX = 300
const FRAMES_MAX = 30
/** Reports a minute; a fault that repeats says nothing new. */
const PER_MINUTE_MAX = 10
const CLOSE_MS = 1_000
const SEND_MS_MAX = 5_000

/** Sends reports while it runs. */
export interface ErrorReports {
  /** Sends what waits, for a second at most. */
  stop(): Promise<void>
}

/**
 * Reports what the node logs as errors to Sentry, scrubbed: event, part, command, code, correlation id, the error's
 * name and stack, and its message without anything that looks like an id, a key, a link, an address or a path.
 * @throws Error when the DSN is none.
 */
export function startErrorReports(
  parts: { log: RootLogger; monotonic: () => number; deadline: (ms: number) => AbortSignal },
  options: { dsn: Secret<string>; release: string; environment: string },
): ErrorReports {
  const client = new ServerRuntimeClient({
    dsn: options.dsn.reveal(),
    release: `kizuna@${options.release}`,
    environment: options.environment,
    platform: 'node',
    runtime: { name: 'node', version: process.version },
    integrations: [],
    stackParser: parseStack,
    sendClientReports: false,
    transport: (init) =>
      createTransport(init, async ({ body }) => {
        const headers = { 'content-type': 'application/x-sentry-envelope', ...init.headers }
        const signal = parts.deadline(SEND_MS_MAX)
        const answer = await fetch(init.url, { method: 'POST', body: body as string, headers, signal })
        await answer.body?.cancel()
        return { statusCode: answer.status }
      }),
    beforeSend: scrubbed,
  })
  client.init()
  let minute = 0
  let sent = 0
  parts.log.onError((event, fields) => {
    const now = Math.floor(parts.monotonic() / 60_000)
    if (now !== minute) {
      minute = now
      sent = 0
    }
    if (++sent > PER_MINUTE_MAX) return
    client.captureEvent(reportOf(event, fields), { originalException: fields.error })
  })
  return {
    async stop() {
      await client.close(CLOSE_MS)
    },
  }
}

function reportOf(event: string, fields: LogFields) {
  const tags: Record<string, string> = {}
  for (const name of FIELDS) {
    const value = fields[name]
    if (typeof value === 'string' && value !== '') tags[name] = value.slice(0, 100)
  }
  const error = fields.error instanceof Error ? fields.error : undefined
  if (isKizunaError(error)) tags.code = error.code
  if (error === undefined) return { level: 'error' as const, message: scrubText(event), tags }
  return {
    level: 'error' as const,
    transaction: scrubText(event),
    tags,
    exception: {
      values: [
        {
          type: error.name,
          value: scrubText(error.message),
          stacktrace: { frames: parseStack(error.stack ?? '') },
        },
      ],
    },
  }
}

/** What the library adds by itself goes, too. */
function scrubbed(event: ErrorEvent): ErrorEvent {
  delete event.server_name
  delete event.user
  delete event.request
  delete event.extra
  delete event.breadcrumbs
  return event
}

/** A text without anything that could name somebody or open something. */
export function scrubText(text: string): string {
  return text
    .slice(0, TEXT_LENGTH_MAX * 4)
    .replaceAll(PRIVATE, '[removed]')
    .slice(0, TEXT_LENGTH_MAX)
}

/** Frames of a stack, the outermost first as Sentry has them, with paths only from the package on. */
function parseStack(stack: string): StackFrame[] {
  const frames: StackFrame[] = []
  for (const line of stack.split('\n')) {
    const match = /^\s+at (?:(.{1,200}?) \()?(?:file:\/\/)?(.{1,500}?):(\d{1,9}):(\d{1,9})\)?$/.exec(line)
    if (match === null) continue
    const [, name, path = '', lineNumber, column] = match
    const place = /(?:src|node_modules)\/.*$/.exec(path)?.[0] ?? path.split('/').at(-1) ?? ''
    frames.push({
      filename: place,
      function: name ?? '?',
      lineno: Number(lineNumber),
      colno: Number(column),
      in_app: place.startsWith('src/'),
    })
    if (frames.length === FRAMES_MAX) break
  }
  return frames.reverse()
}
