import { type ErrorKind, KizunaError } from '../../core/kizuna-error.ts'

interface HttpErrorFacts {
  status: number
  code: string
  kind: ErrorKind
  message: string
  hint: string
  details?: Readonly<Record<string, unknown>>
  /** Seconds after which it makes sense to try again. */
  retryAfterSeconds?: number
}

/** Something that is wrong with the HTTP request itself, with a status finer than its kind's. */
export class HttpError extends KizunaError {
  override name = 'HttpError'
  readonly status: number
  readonly retryAfterSeconds: number | undefined
  constructor(facts: HttpErrorFacts) {
    super(facts)
    this.status = facts.status
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

const TOKEN_SENTENCES = {
  missing: 'This request needs a token of the node.',
  wrong: 'The token is wrong, or was taken back.',
  expired: 'The token has expired.',
  'other space': 'The token was made for another space than this node is in now.',
} as const

/** Thrown when a request carries no token, or one that opens nothing. */
export class TokenRefusedError extends HttpError {
  override name = 'TokenRefusedError'
  constructor(facts: { reason: keyof typeof TOKEN_SENTENCES }) {
    super({
      status: 401,
      code: 'TOKEN_REFUSED',
      kind: 'denied',
      message: TOKEN_SENTENCES[facts.reason],
      hint: 'Send `Authorization: Bearer <token>`; the node’s own is in `api.json` in the data folder and changes with every start, others are made with `kizuna token`.',
      details: facts,
    })
  }
}

/** Thrown when a token may not do what the route does. */
export class TokenScopeError extends HttpError {
  override name = 'TokenScopeError'
  constructor(facts: { needed: string; has: string }) {
    super({
      status: 403,
      code: 'TOKEN_SCOPE',
      kind: 'denied',
      message: `This needs a token of the scope ${facts.needed}; this one may ${facts.has}.`,
      hint: `The owner of the node makes one with \`kizuna token --scope ${facts.needed}\`.`,
      details: facts,
    })
  }
}

/** Thrown when the certificate or its key cannot be used. */
export class ApiTlsUnusableError extends KizunaError {
  override name = 'ApiTlsUnusableError'
  constructor(facts: { file: string; reason: string; cause?: unknown }) {
    super({
      code: 'API_TLS_UNUSABLE',
      kind: 'invalid',
      message: `The API cannot speak TLS with ${facts.file}: ${facts.reason}.`,
      hint: 'Give `apiTlsCert` a chain and `apiTlsKey` its key, both as PEM files that this user may read, without a passphrase.',
      details: { file: facts.file, reason: facts.reason },
      cause: facts.cause,
    })
  }
}

/** Thrown when one address sent too many wrong tokens. */
export class TooManyFailuresError extends HttpError {
  override name = 'TooManyFailuresError'
  constructor(facts: { retryAfterSeconds: number }) {
    super({
      status: 429,
      code: 'TOO_MANY_FAILURES',
      kind: 'busy',
      message: 'Too many wrong tokens came from this address.',
      hint: `Wait ${facts.retryAfterSeconds} s, then use the token in \`api.json\`.`,
      details: facts,
      retryAfterSeconds: facts.retryAfterSeconds,
    })
  }
}

/** Thrown when the Host header names a machine that is not this one (DNS rebinding). */
export class ForeignHostError extends HttpError {
  override name = 'ForeignHostError'
  constructor() {
    super({
      status: 403,
      code: 'FOREIGN_HOST',
      kind: 'denied',
      message: 'The Host header does not name this node.',
      hint: 'Call the node by the address it printed when it started, such as http://127.0.0.1:4010.',
    })
  }
}

/** Thrown when a web page of another origin made the request. */
export class ForeignOriginError extends HttpError {
  override name = 'ForeignOriginError'
  constructor() {
    super({
      status: 403,
      code: 'FOREIGN_ORIGIN',
      kind: 'denied',
      message: 'The request comes from a web page of another origin.',
      hint: 'Only programs, and pages that this node served itself, may call it.',
    })
  }
}

/** Thrown when no route has this method and path. */
export class RouteNotFoundError extends HttpError {
  override name = 'RouteNotFoundError'
  constructor(facts: { method: string }) {
    super({
      status: 404,
      code: 'ROUTE_NOT_FOUND',
      kind: 'missing',
      message: `Nothing answers ${facts.method} at this path.`,
      hint: 'GET /openapi.json lists every route.',
    })
  }
}

/** Thrown when the request cannot be read as HTTP, or not as what the route takes. */
export class InvalidRequestError extends HttpError {
  override name = 'InvalidRequestError'
  constructor(facts: { status: 400 | 405 | 408 | 412 | 415 | 431; reason: string; hint?: string }) {
    super({
      status: facts.status,
      code: 'INVALID_REQUEST',
      kind: 'invalid',
      message: `The request is not valid: ${facts.reason}.`,
      hint: facts.hint ?? 'Compare it with GET /openapi.json.',
    })
  }
}

/** Thrown when a request's body is longer than the route takes. */
export class BodyTooLargeError extends HttpError {
  override name = 'BodyTooLargeError'
  constructor(facts: { limitBytes: number }) {
    super({
      status: 413,
      code: 'BODY_TOO_LARGE',
      kind: 'invalid',
      message: `The body is longer than ${facts.limitBytes} bytes.`,
      hint: 'Files go to /v1/share or /v1/uploads, not into a command’s JSON.',
      details: facts,
    })
  }
}

/** Thrown when the asked range lies outside the content. */
export class RangeNotSatisfiableError extends HttpError {
  override name = 'RangeNotSatisfiableError'
  readonly sizeBytes: number
  constructor(facts: { sizeBytes: number }) {
    super({
      status: 416,
      code: 'RANGE_NOT_SATISFIABLE',
      kind: 'invalid',
      message: `The asked range lies outside the ${facts.sizeBytes} bytes of this content.`,
      hint: 'Ask for a range that begins inside the content.',
      details: facts,
    })
    this.sizeBytes = facts.sizeBytes
  }
}

/** Thrown when a folder has nothing at a path. */
export class PathNotFoundError extends HttpError {
  override name = 'PathNotFoundError'
  constructor() {
    super({
      status: 404,
      code: 'PATH_NOT_FOUND',
      kind: 'missing',
      message: 'The folder has no file at this path.',
      hint: 'GET the folder without `path` for the list of its files; paths are compared letter by letter.',
    })
  }
}

/** Thrown when the node already serves as many streams as it may. */
export class TooManyStreamsError extends HttpError {
  override name = 'TooManyStreamsError'
  constructor(facts: { what: string; limit: number }) {
    super({
      status: 429,
      code: 'TOO_MANY_STREAMS',
      kind: 'busy',
      message: `${facts.limit} ${facts.what} run already.`,
      hint: 'Wait until one of them is done.',
      details: { limit: facts.limit },
      retryAfterSeconds: 5,
    })
  }
}

/** Thrown when the node has more requests at work than it can answer in time. */
export class OverloadedError extends HttpError {
  override name = 'OverloadedError'
  constructor(facts: { retryAfterSeconds: number }) {
    super({
      status: 503,
      code: 'OVERLOADED',
      kind: 'busy',
      message: 'The node has more to do than it can at the moment.',
      hint: `Ask again after ${facts.retryAfterSeconds} s, and for fewer things at once.`,
      details: facts,
      retryAfterSeconds: facts.retryAfterSeconds,
    })
  }
}

/** Thrown when an upload is unknown, finished with, or expired. */
export class UploadNotFoundError extends HttpError {
  override name = 'UploadNotFoundError'
  constructor() {
    super({
      status: 404,
      code: 'UPLOAD_NOT_FOUND',
      kind: 'missing',
      message: 'There is no such upload.',
      hint: 'It was shared, removed, or expired 24 hours after its last byte; begin it again with POST /v1/uploads.',
    })
  }
}

/** Thrown when bytes are sent for another place than where the upload stopped. */
export class UploadOffsetError extends HttpError {
  override name = 'UploadOffsetError'
  constructor(facts: { offset: number; asked: number }) {
    super({
      status: 409,
      code: 'UPLOAD_OFFSET_WRONG',
      kind: 'conflict',
      message: `The upload stands at byte ${facts.offset}, not at ${facts.asked}.`,
      hint: 'Ask with HEAD where it stands and go on from there.',
      details: facts,
    })
  }
}

/** Thrown when an upload is being written, shared or removed by another request. */
export class UploadBusyError extends HttpError {
  override name = 'UploadBusyError'
  constructor() {
    super({
      status: 423,
      code: 'UPLOAD_BUSY',
      kind: 'conflict',
      message: 'Another request works on this upload.',
      hint: 'Wait for it to end; a broken connection is noticed within 30 s.',
    })
  }
}

/** Thrown when an upload shall be shared before its last byte has come. */
export class UploadUnfinishedError extends HttpError {
  override name = 'UploadUnfinishedError'
  constructor(facts: { offset: number; sizeBytes: number }) {
    super({
      status: 409,
      code: 'UPLOAD_UNFINISHED',
      kind: 'conflict',
      message: `The upload has ${facts.offset} of ${facts.sizeBytes} bytes.`,
      hint: 'Send the rest with PATCH, then share it.',
      details: facts,
    })
  }
}

/** Thrown when an upload is longer than the disk has room for. */
export class NoRoomForUploadError extends HttpError {
  override name = 'NoRoomForUploadError'
  constructor(facts: { sizeBytes: number }) {
    super({
      status: 507,
      code: 'NO_ROOM_FOR_UPLOAD',
      kind: 'busy',
      message: `The disk has no room for an upload of ${facts.sizeBytes} bytes.`,
      hint: 'Free some space on the node’s disk, then begin the upload again.',
      details: facts,
    })
  }
}

/** Thrown when the HTTP API is to listen where other machines reach it and nobody consented. */
export class PublicAddressError extends HttpError {
  override name = 'PublicAddressError'
  constructor(facts: { host: string }) {
    super({
      status: 500,
      code: 'PUBLIC_ADDRESS',
      kind: 'invalid',
      message: `The HTTP API would be reachable from other machines at ${facts.host}, without encryption.`,
      hint: 'Give it a certificate (`apiTlsCert`, `apiTlsKey`); or keep `apiHost` at 127.0.0.1 and use an SSH tunnel; or consent with `apiPublic`.',
      details: facts,
    })
  }
}

/** Thrown when the HTTP API cannot listen at its address. */
export class ApiAddressTakenError extends HttpError {
  override name = 'ApiAddressTakenError'
  constructor(facts: { host: string; port: number; systemCode: string }) {
    super({
      status: 500,
      code: 'API_ADDRESS_TAKEN',
      kind: 'conflict',
      message: `The HTTP API cannot listen on ${facts.host} port ${facts.port} (${facts.systemCode}).`,
      hint: 'Choose another port with `--api-port` (0 takes any free one), or stop the program that uses it.',
      details: facts,
    })
  }
}
