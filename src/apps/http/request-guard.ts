import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { ForeignHostError, ForeignOriginError, TokenRefusedError, TooManyFailuresError } from './errors.ts'

/** Wrong tokens that one address may send in a minute. */
const FAILURES_MAX = 10
const FAILURE_WINDOW_MS = 60_000
/** Addresses whose failures are remembered; the oldest are forgotten first. */
const REMOTES_MAX = 1_000
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '::1'])

/** What the guard looks at. */
export interface GuardedRequest {
  headers: IncomingHttpHeaders
  /** Address of the other side of the connection. */
  remote: string
  /** `/health` alone needs no token. */
  tokenNeeded: boolean
}

/** Decides for every request, before its body is read, whether it may go on. */
export class RequestGuard {
  readonly #clock: Clock
  readonly #tokenDigest: Uint8Array
  readonly #host: string
  readonly #public: boolean
  /** Remote → times (monotonic) of its latest failures. */
  readonly #failures = new Map<string, number[]>()
  #port = 0

  constructor(parts: { clock: Clock }, options: { token: string; host: string; public: boolean }) {
    this.#clock = parts.clock
    this.#tokenDigest = digest(options.token)
    this.#host = options.host.toLowerCase()
    this.#public = options.public
  }

  /** The port in use, known once the server listens. */
  listensOn(port: number): void {
    this.#port = port
  }

  /**
   * In this order: the Host (a foreign name can be a rebound one), the Origin (a web page may not even try
   * tokens), then the token, whose failures count.
   * @throws ForeignHostError, ForeignOriginError, TooManyFailuresError, TokenRefusedError
   */
  check(request: GuardedRequest): void {
    this.#checkHost(request.headers.host)
    checkOrigin(request.headers)
    if (!request.tokenNeeded) return
    const remote = remoteGroup(request.remote)
    this.#checkFailures(remote)
    const given = bearerOf(request.headers.authorization)
    if (given === undefined) throw new TokenRefusedError({ given: false })
    // Equal lengths by hashing, so that the comparison takes the same time whatever was sent.
    if (timingSafeEqual(digest(given), this.#tokenDigest)) return
    this.#countFailure(remote)
    throw new TokenRefusedError({ given: true })
  }

  #checkHost(header: string | undefined): void {
    const host = parseHost(header)
    if (host === undefined) throw new ForeignHostError()
    // A loopback name cannot be rebound, so any port is fine: it may be the near end of an SSH tunnel.
    if (LOOPBACK_NAMES.has(host.name)) return
    const ours = host.name === this.#host || (this.#public && isIP(host.name) !== 0)
    if (!ours || host.port !== this.#port) throw new ForeignHostError()
  }

  #checkFailures(remote: string): void {
    const times = this.#recent(remote)
    const [first] = times
    if (times.length < FAILURES_MAX || first === undefined) return
    const waitMs = first + FAILURE_WINDOW_MS - this.#clock.monotonic()
    throw new TooManyFailuresError({ retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) })
  }

  #countFailure(remote: string): void {
    const times = [...this.#recent(remote), this.#clock.monotonic()].slice(-FAILURES_MAX)
    this.#failures.delete(remote)
    this.#failures.set(remote, times)
    if (this.#failures.size <= REMOTES_MAX) return
    const [oldest] = this.#failures.keys()
    if (oldest !== undefined) this.#failures.delete(oldest)
  }

  #recent(remote: string): number[] {
    const since = this.#clock.monotonic() - FAILURE_WINDOW_MS
    return (this.#failures.get(remote) ?? []).filter((time) => time > since)
  }
}

/** Whether only this machine can reach a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Absent (a program), or exactly the origin that the Host header names (a page we served). */
function checkOrigin(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') throw new ForeignOriginError()
  const { origin, host } = headers
  if (origin === undefined) return
  if (origin !== `http://${host}`) throw new ForeignOriginError()
}

function parseHost(header: string | undefined): { name: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9.-]{1,253}))(?::(\d{1,5}))?$/i.exec(header ?? '')
  if (match === null) return undefined
  const name = (match[1] ?? match[2] ?? '').toLowerCase()
  return { name, port: match[3] === undefined ? 80 : Number(match[3]) }
}

function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1]
}

/** IPv6 users have whole /64 networks; they count as one. */
function remoteGroup(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = plain.split('::')
  const front = head.split(':')
  if (tail === undefined) return front.slice(0, 4).join(':')
  const back = tail === '' ? [] : tail.split(':')
  const middle = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0')
  return [...front, ...middle, ...back].slice(0, 4).join(':')
}

function digest(text: string): Uint8Array {
  return hash('sha256', text, 'buffer')
}
