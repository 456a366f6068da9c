import { type Logger as PinoLogger, pino } from 'pino'
import type { LOG_LEVELS } from './log-levels.ts'
import { SECRET_SHOWN, type WithoutSecrets } from './secret.ts'

export type LogLevel = (typeof LOG_LEVELS)[number] | 'silent'

/** Facts of an event. Never keys, tokens, links with keys, or message bodies. */
export type LogFields = Readonly<Record<string, unknown>>

/** Logs events with fields: `log.info('chunk stored', { id, sizeBytes })`. */
export interface Logger {
  error<Fields extends LogFields>(event: string, fields?: WithoutSecrets<Fields>): void
  warn<Fields extends LogFields>(event: string, fields?: WithoutSecrets<Fields>): void
  info<Fields extends LogFields>(event: string, fields?: WithoutSecrets<Fields>): void
  debug<Fields extends LogFields>(event: string, fields?: WithoutSecrets<Fields>): void
  /** A logger for a part of this part, such as `content` → `content:replicator`. */
  named(part: string): Logger
}

/** Field names whose values never reach an output, at any depth up to two. */
const SECRET_FIELDS = ['token', 'key', 'seed', 'secret', 'passphrase', 'authorization', 'link', 'invite']

/** Characters of lines that wait while nobody takes them; what comes beyond is not logged. */
const WAITING_LENGTH_MAX = 1024 * 1024

/**
 * The real logger: JSON lines on standard error, or on `destination` (a file path). Logging never throws and never
 * waits: a reader that is stuck or gone, a full disk or a closed terminal costs lines, not the node.
 */
export function createLogger(options: { level: LogLevel; destination?: string }): Logger {
  const stream = pino.destination({
    dest: options.destination ?? 2,
    sync: true,
    maxLength: WAITING_LENGTH_MAX,
    // It would sleep and try again until somebody reads, and all of the program with it.
    retryEAGAIN: () => false,
  })
  // Nobody could be told; without a listener the failure would be thrown at whoever logs.
  stream.on('error', () => {})
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: SECRET_SHOWN },
      serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
    },
    stream,
  )
  return wrap(root, '')
}

/** A logger that says nothing; for parts under test. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  named: () => silentLogger,
}

function wrap(inner: PinoLogger, part: string): Logger {
  const child = part === '' ? inner : inner.child({ part })
  return {
    error: (event, fields) => child.error(fields ?? {}, event),
    warn: (event, fields) => child.warn(fields ?? {}, event),
    info: (event, fields) => child.info(fields ?? {}, event),
    debug: (event, fields) => child.debug(fields ?? {}, event),
    named: (name) => wrap(inner, part === '' ? name : `${part}:${name}`),
  }
}
