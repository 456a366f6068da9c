/** What sort of failure it is; apps map this, never the code. */
export const ERROR_KINDS = [
  'invalid',
  'denied',
  'missing',
  'conflict',
  'busy',
  'unavailable',
  'corrupt',
  'internal',
] as const

export type ErrorKind = (typeof ERROR_KINDS)[number]

/** The facts every Kizuna error carries. */
export interface KizunaErrorFacts {
  /** Stable, upper case with underscores, such as `CHUNK_NOT_FOUND`. */
  code: string
  kind: ErrorKind
  /** One sentence that says what happened. */
  message: string
  /** What the reader can do about it. */
  hint: string
  cause?: unknown
  /** Machine-readable facts for `--json` and HTTP; never a secret. */
  details?: Readonly<Record<string, unknown>>
}

/** How an error crosses a process border (HTTP body, `--json`, peer answer). */
export interface SerialisedError {
  code: string
  kind: ErrorKind
  message: string
  hint: string
  details?: Readonly<Record<string, unknown>>
  /** 12 hex digits that log and history carry, too; set where the error ended a command. */
  correlationId?: string
}

/**
 * Something that the world did: bad input, a missing chunk, a full disk.
 * A broken assumption of our own is an `AssertionError` instead.
 */
export class KizunaError extends Error {
  override name = 'KizunaError'
  readonly code: string
  readonly kind: ErrorKind
  readonly hint: string
  readonly details: Readonly<Record<string, unknown>>
  /** Set by whoever ran the command that it ended. */
  correlationId: string | undefined

  constructor(facts: KizunaErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = facts.code
    this.kind = facts.kind
    this.hint = facts.hint
    this.details = facts.details ?? {}
  }

  toJSON(): SerialisedError {
    const plain: SerialisedError = {
      code: this.code,
      kind: this.kind,
      message: this.message,
      hint: this.hint,
    }
    if (Object.keys(this.details).length > 0) plain.details = this.details
    if (this.correlationId !== undefined) plain.correlationId = this.correlationId
    return plain
  }
}

/** Whether `error` is a {@link KizunaError}, optionally with exactly this `code`. */
export function isKizunaError(error: unknown, code?: string): error is KizunaError {
  return error instanceof KizunaError && (code === undefined || error.code === code)
}

/** Any thrown value as a {@link KizunaError}; unknown ones become `INTERNAL`, with the cause kept for the log. */
export function toKizunaError(error: unknown): KizunaError {
  if (error instanceof KizunaError) return error
  return new KizunaError({
    code: 'INTERNAL',
    kind: 'internal',
    message: 'Something inside Kizuna went wrong.',
    hint: 'Look at the node log for this moment; if it happens again, report it with that log.',
    cause: error,
  })
}
