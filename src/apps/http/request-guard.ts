import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { Secret } from '../../core/secret.ts'
import type { ApiTokens, TokenScope } from '../../node/api-tokens.ts'
import { type Access, OWNER_ACCESS, scopeReaches } from './access.ts'
import {
  ForeignHostError,
  ForeignOriginError,
  TokenRefusedError,
  TokenScopeError,
  TooManyFailuresError,
} from './errors.ts'
import { FailureCounts } from './failure-counts.ts'

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '::1'])

/** What the guard looks at. */
export interface GuardedRequest {
  headers: IncomingHttpHeaders
  /** Address of the other side of the connection. */
  remote: string
  /** Whether the connection is TLS. */
  encrypted: boolean
  /** What the route needs; undefined for `/health`, which needs no token. */
  scope: TokenScope | undefined
}

/** What the guard is told once. */
export interface GuardOptions {
  /** The token of the running node. */
  token: Secret<string>
  host: string
  /** Other machines reach it. */
  public: boolean
  /** Whether a name is one of the certificate's; a page of another name cannot have come with it. */
  isCertified?: (name: string) => boolean
}

/** Decides for every request, before its body is read, whether it may go on and as whom. */
export class RequestGuard {
  readonly #tokens: Pick<ApiTokens, 'check'>
  readonly #failures: FailureCounts
  readonly #ownDigest: Uint8Array
  readonly #options: Omit<GuardOptions, 'token'>
  readonly #ports = new Set<number>()

  constructor(parts: { clock: Clock; tokens: Pick<ApiTokens, 'check'> }, options: GuardOptions) {
    const { token, ...rest } = options
    this.#tokens = parts.tokens
    this.#failures = new FailureCounts(parts.clock)
    this.#ownDigest = digest(token.reveal())
    this.#options = { ...rest, host: options.host.toLowerCase() }
  }

  /** A port in use, known once the server listens. */
  listensOn(port: number): void {
    this.#ports.add(port)
  }

  /**
   * In this order: the Host (a foreign name can be a rebound one), the Origin (a web page may not even try
   * tokens), then the token, whose failures count, then what it may do.
   * @throws ForeignHostError, ForeignOriginError, TooManyFailuresError, TokenRefusedError, TokenScopeError
   */
  check(request: GuardedRequest): Access | undefined {
    this.#checkHost(request)
    checkOrigin(request)
    if (request.scope === undefined) return undefined
    const isLocal = isLoopback(plainAddress(request.remote))
    // The owner at this machine is not shut out by what another program here guesses; a right token of 256 bits is no guess.
    if (!isLocal) this.#checkFailures(request.remote)
    const given = bearerOf(request.headers.authorization)
    if (given === undefined) throw new TokenRefusedError({ reason: 'missing' })
    const access = this.#accessOf(given)
    if ('fault' in access) {
      this.#checkFailures(request.remote)
      this.#failures.count(request.remote)
      throw new TokenRefusedError({ reason: access.fault })
    }
    if (!scopeReaches(access.scope, request.scope))
      throw new TokenScopeError({ needed: request.scope, has: access.scope })
    return access
  }

  #accessOf(given: string): Access | { fault: 'wrong' | 'expired' | 'other space' } {
    // Equal lengths by hashing, so that the comparison takes the same time whatever was sent.
    if (timingSafeEqual(digest(given), this.#ownDigest)) return OWNER_ACCESS
    const made = this.#tokens.check(given)
    if (made === undefined) return { fault: 'wrong' }
    return 'fault' in made ? made : { id: `api:${made.id}`, scope: made.scope }
  }

  #checkFailures(remote: string): void {
    const waitMs = this.#failures.waitMs(remote)
    if (waitMs > 0)
      throw new TooManyFailuresError({ retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) })
  }

  #checkHost({ headers, encrypted }: GuardedRequest): void {
    const host = parseHost(headers.host, encrypted)
    if (host === undefined) throw new ForeignHostError()
    // A loopback name cannot be rebound, so any port is fine: it may be the near end of an SSH tunnel.
    if (LOOPBACK_NAMES.has(host.name)) return
    const { host: own, public: isPublic, isCertified } = this.#options
    const isOurs =
      host.name === own ||
      (isPublic && isIP(host.name) !== 0) ||
      (encrypted && isCertified?.(host.name) === true)
    if (!isOurs || !this.#ports.has(host.port)) throw new ForeignHostError()
  }
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Absent (a program), or exactly the origin that the Host header names (a page we served). */
function checkOrigin({ headers, encrypted }: GuardedRequest): void {
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') throw new ForeignOriginError()
  const { origin, host } = headers
  if (origin === undefined) return
  if (origin !== `${encrypted ? 'https' : 'http'}://${host}`) throw new ForeignOriginError()
}

function parseHost(
  header: string | undefined,
  encrypted: boolean,
): { name: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9.-]{1,253}))(?::(\d{1,5}))?$/i.exec(header ?? '')
  if (match === null) return undefined
  const name = (match[1] ?? match[2] ?? '').toLowerCase()
  return { name, port: match[3] === undefined ? (encrypted ? 443 : 80) : Number(match[3]) }
}

function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1]
}

/** An IPv4 address that a socket for both families wrote as IPv6. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

function digest(text: string): Uint8Array {
  return hash('sha256', text, 'buffer')
}
