import { type Logger as PinoLogger, pino } from 'pino'
import { openLogFile } from './log-file.ts'
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

/** The logger of a program, which the program can also steer. */
export interface RootLogger extends Logger {
  /** From now on so much is logged. */
  setLevel(level: LogLevel): void
  /** Hears every error and its fields as well, before they are made text; for reports to elsewhere. */
  onError(listener: (event: string, fields: LogFields) => void): void
  /** Writes what waits. */
  close(): Promise<void>
}

/**
 * The real logger: JSON lines on standard error, or in the file `destination`, and with `folder` also in files there
 * that are changed by size and age. Logging never throws and never waits: a reader that is stuck or gone, a full disk
 * or a closed terminal costs lines, not the node.
 */
export function createLogger(options: {
  level: LogLevel
  destination?: string
  folder?: string
}): RootLogger {
  const stream = pino.destination({
    dest: options.destination ?? 2,
    sync: true,
    maxLength: WAITING_LENGTH_MAX,
    // It would sleep and try again until somebody reads, and all of the program with it.
    retryEAGAIN: () => false,
  })
  // Nobody could be told; without a listener the failure would be thrown at whoever logs.
  stream.on('error', () => {})
  const file =
    options.folder === undefined ? undefined : openLogFile(options.folder, { waitingMax: WAITING_LENGTH_MAX })
  const both =
    file === undefined
      ? stream
      : pino.multistream([
          { stream, level: 'trace' },
          { stream: file, level: 'trace' },
        ])
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: SECRET_SHOWN },
      serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
    },
    both,
  )
  const state: LogState = { root, level: options.level, listeners: [] }
  return {
    ...wrap(state, ''),
    setLevel(level) {
      state.level = level
      root.level = level
    },
    onError: (listener) => state.listeners.push(listener),
    close: async () => file?.finish(),
  }
}

/** A logger that says nothing; for parts under test. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  named: () => silentLogger,
}

interface LogState {
  readonly root: PinoLogger
  level: LogLevel
  readonly listeners: ((event: string, fields: LogFields) => void)[]
}

function wrap(state: LogState, part: string): Logger {
  const child = part === '' ? state.root : state.root.child({ part })
  // A child has a level of its own; it follows the root's.
  const current = () => {
    if (child.level !== state.level) child.level = state.level
    return child
  }
  return {
    error(event, fields) {
      current().error(fields ?? {}, event)
      for (const listener of state.listeners) listener(event, { part, ...fields })
    },
    warn: (event, fields) => current().warn(fields ?? {}, event),
    info: (event, fields) => current().info(fields ?? {}, event),
    debug: (event, fields) => current().debug(fields ?? {}, event),
    named: (name) => wrap(state, part === '' ? name : `${part}:${name}`),
  }
}
