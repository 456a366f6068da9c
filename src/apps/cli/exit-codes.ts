import type { ErrorKind } from '../../core/kizuna-error.ts'

/** All went well. */
export const EXIT_OK = 0

/** What the process ends with, by the kind of failure; documented in docs/using/cli.md. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  invalid: 2,
  denied: 3,
  missing: 4,
  conflict: 5,
  busy: 6,
  unavailable: 7,
  corrupt: 8,
  internal: 70,
}

/** Ended by Ctrl-C, as shells count it. */
export const EXIT_INTERRUPTED = 130
