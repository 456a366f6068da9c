import { type Logger as PinoLogger, pino } from 'pino'

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number] | 'silent'

/** Facts of an event. Never keys, tokens, links with keys, or message bodies. */
export type LogFields = Readonly<Record<string, unknown>>

/** Logs events with fields: `log.info('chunk stored', { id, sizeBytes })`. */
export interface Logger {
  error(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  debug(event: string, fields?: LogFields): void
  /** A logger for a part of this part, such as `content` → `content:replicator`. */
  named(part: string): Logger
}

/** Field names whose values never reach an output, at any depth up to two. */
const SECRET_FIELDS = ['token', 'key', 'seed', 'secret', 'passphrase', 'authorization', 'link', 'invite']

/** The real logger: JSON lines on standard error, or on `destination` (a file path). */
export function createLogger(options: { level: LogLevel; destination?: string }): Logger {
  const stream = pino.destination({ dest: options.destination ?? 2, sync: true })
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
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
