import type { ErrorKind, KizunaError } from '../../core/kizuna-error.ts'
import { HttpError } from './errors.ts'

/** The one place where an error's kind becomes a status. */
const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  denied: 403,
  missing: 404,
  conflict: 409,
  busy: 429,
  internal: 500,
  corrupt: 502,
  unavailable: 503,
}

/** The HTTP status that tells this error. */
export function httpStatusOf(error: KizunaError): number {
  return error instanceof HttpError ? error.status : STATUS_OF_KIND[error.kind]
}

/** Seconds for `Retry-After`, when the error knows them. */
export function retryAfterSecondsOf(error: KizunaError): number | undefined {
  if (error instanceof HttpError && error.retryAfterSeconds !== undefined) return error.retryAfterSeconds
  const { retryAfterMs } = error.details
  return typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : undefined
}
