/**
 * R-15. Every route that the router really has, with the product's own commands, against everybody who may not: with no
 * token, a wrong one, an ended one, one that may less, one of elsewhere; from a foreign page or under a foreign name; as
 * another method, an upgrade, or something that is no proper HTTP. Sent raw, because clients tidy up.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createTestServices, TOKEN } from '../../src/apps/http/http-server.suite.ts'
import { type HttpServer, startHttpServer } from '../../src/apps/http/start-http-server.ts'
import { commandList } from '../../src/commands/command-list.ts'
import { SystemClock } from '../../src/core/clock.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { Secret } from '../../src/core/secret.ts'
import type { TokenScope } from '../../src/node/api-tokens.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'
import { guessFromElsewhere, timeGuesses } from './token-guesses.ts'

const CLI = fileURLToPath(new URL('../../src/apps/cli/main.ts', import.meta.url))
const RANK: Record<TokenScope, number> = { read: 0, write: 1, admin: 2 }
const HOUR_MS = 3_600_000
/** How many times the whole table is gone through, each time with other tokens and ports. */
const ROUNDS = { gate: 1, night: 20, release: 100 }
const TIMING_SAMPLES = { gate: 4_000, night: 40_000, release: 200_000 }
const FOREIGN_HOSTS = [
  'evil.example', 'evil.example:PORT', '127.0.0.1.evil.example:PORT', 'localhost.evil.example', '0x7f.1:PORT', '2130706433:PORT',
  '0177.0.0.1:PORT', 'localhost.:PORT', '[::ffff:127.0.0.1]:PORT', '192.0.2.1:PORT', 'evil@localhost', '', ' ', 'localhost:PORT:1', 'localhost:x', 'a,localhost',
] // biome-ignore format: a table
const FOREIGN_ORIGINS = [
  'https://evil.example', 'null', 'http://localhost.evil.example', 'file://', 'chrome-extension://abc', 'https://127.0.0.1:PORT',
  'http://127.0.0.1:1', 'http://LOCALHOST:PORT.evil.example', 'http://127.0.0.1:PORT/',
] // biome-ignore format: a table

interface Sent {
  method: string
  path: string
  headers: Record<string, string>
  /** Another one for each, so that the limit on wrong tokens does not answer in the place of what is tried. */
  localAddress: string
}

export const check: ReliabilityCheck = {
  row: 'R-15',
  title: 'Every route of the API against everybody who may not',
  goal: '100 % of routes refuse as specified; ten wrong tokens a minute; no public address without TLS or consent',
  async run(options) {
    const doors = new Doors(options)
    for (let round = 0; round < ROUNDS[options.scale]; round++) await doors.tryAll(round)
    await doors.tryWhatIsNoProperRequest()
    await doors.guess()
    doors.startInPublic()
    const { difference, failures } = timeGuesses(TIMING_SAMPLES[options.scale])
    doors.failures.push(...failures)
    const percent = (100 * difference).toFixed(1)
    return {
      figure: `${doors.routes} routes, ${doors.attempts} attempts, ${doors.failures.length} not refused as specified; right and wrong guesses ${percent} % apart in time`,
      reached: doors.failures.length === 0,
      failures: doors.failures.map((failure) => `${failure} (seed ${options.seed})`).slice(0, 50),
    }
  },
}

class Doors {
  readonly failures: string[] = []
  attempts = 0
  routes = 0
  readonly #options: ReliabilityOptions
  readonly #random: SeededRandom
  #addresses = 0

  constructor(options: ReliabilityOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
  }

  async tryAll(round: number): Promise<void> {
    const clock = new SystemClock()
    let space = 'here'
    const { services } = createTestServices({ clock, space: () => space })
    const server = await this.#start(services)
    const port = new URL(server.url).port
    const { tokens } = services
    const make = (scope: TokenScope, lifetimeMs = HOUR_MS) => tokens.create({ scope, label: '', lifetimeMs })
    space = 'elsewhere'
    const foreign = make('admin').token.reveal()
    space = 'here'
    const ended = make('admin', -1).token.reveal()
    const revoked = make('admin')
    tokens.revoke(revoked.facts.id)
    const scoped = (['read', 'write', 'admin'] as const).map((scope) => ({
      scope,
      token: make(scope).token.reveal(),
    }))
    const wrong: Record<string, Record<string, string>> = {
      'no token': {},
      'an empty token': { authorization: 'Bearer ' },
      'another scheme': { authorization: `Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}` },
      'a naked token': { authorization: TOKEN },
      'a cookie': { cookie: `token=${TOKEN}; authorization=Bearer ${TOKEN}` },
      'another header': { 'x-api-key': TOKEN, 'x-kizuna-token': TOKEN, 'proxy-authorization': `Bearer ${TOKEN}` },
      'a wrong token': { authorization: `Bearer ${Buffer.from(this.#random.bytes(32)).toString('base64url')}` },
      'one letter too many': { authorization: `Bearer ${TOKEN}x` },
      'one letter too few': { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      'capitals': { authorization: `Bearer ${TOKEN.toUpperCase()}` },
      'two tokens': { authorization: `Bearer wrong ${TOKEN}` },
      'an ended token': { authorization: `Bearer ${ended}` },
      'a revoked token': { authorization: `Bearer ${revoked.token.reveal()}` },
      'a token of another space': { authorization: `Bearer ${foreign}` },
    } // biome-ignore format: a table
    const right = { authorization: `Bearer ${TOKEN}` }
    this.routes = server.routes.length
    for (const route of server.routes) {
      const path = route.url.replace(':id', 'f'.repeat(32))
      const { method } = route
      const expect = (
        what: string,
        statuses: readonly number[],
        headers: Record<string, string>,
        at = path,
        as = method,
      ) => this.#expect(`${as} ${at} with ${what}`, server, statuses, { method: as, path: at, headers })
      for (const host of FOREIGN_HOSTS)
        await expect(`host ${host}`, [400, 403], { ...right, host: host.replace('PORT', port) })
      for (const origin of FOREIGN_ORIGINS)
        await expect(`origin ${origin}`, [403], { ...right, origin: origin.replace('PORT', port) })
      for (const site of ['cross-site', 'same-site'])
        await expect(`fetch ${site}`, [403], { ...right, 'sec-fetch-site': site })
      await expect('forwarded names', [403], {
        ...right,
        host: 'evil.example',
        'x-forwarded-host': `localhost:${port}`,
        forwarded: 'host=localhost',
      })
      if (route.scope === undefined) continue
      for (const [what, headers] of Object.entries(wrong)) await expect(what, [401], headers)
      await expect('a token in the address', [401], {}, `${path}?token=${TOKEN}&access_token=${TOKEN}`)
      await expect('forwarded addresses', [401], {
        'x-forwarded-for': '127.0.0.1',
        'x-real-ip': '::1',
        'x-http-method-override': 'GET',
      })
      await expect('an upgrade', [401], {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'AAAA',
        'sec-websocket-version': '13',
      })
      for (const other of ['HEAD', 'OPTIONS', 'GET', 'PUT', 'DELETE', 'PROPFIND', 'TRACE'])
        if (!server.routes.some((one) => one.url === route.url && one.method === other))
          await expect('no token, as another method', [400, 401, 404, 405], {}, path, other)
      for (const twin of [
        `/${path}`,
        `${path}/`,
        path.replace('/v1', '/V1'),
        path.replace('/', '/%2e/'),
        `/health/..${path}`,
        `${path}%00`,
        `${path};x`,
      ])
        await expect('no token, written otherwise', [400, 401, 404], {}, twin)
      for (const { scope, token } of scoped) {
        if (RANK[scope] < RANK[route.scope])
          await expect(`a token for ${scope}`, [403], { authorization: `Bearer ${token}` })
      }
    }
    await this.#expect('health needs no token', server, [200], {
      method: 'GET',
      path: '/health',
      headers: {},
    })
    await this.#expect('health, overridden', server, [200, 404], {
      method: 'GET',
      path: '/health',
      headers: { 'x-http-method-override': 'POST' },
    })
    await this.#expect('the right token', server, [200], { method: 'GET', path: '/metrics', headers: right })
    this.#options.progress(`round ${round + 1}: ${this.attempts} attempts`)
    await server.stop()
    services.index.close()
  }

  /** What is no proper HTTP, or tries to be two requests at once. */
  async tryWhatIsNoProperRequest(): Promise<void> {
    const { services } = createTestServices()
    const server = await this.#start(services)
    const { port } = new URL(server.url)
    const auth = `Authorization: Bearer ${TOKEN}\r\n`
    const texts: [what: string, text: string][] = [
      ['no host', `GET /metrics HTTP/1.1\r\n${auth}\r\n`],
      ['two hosts', `GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n${auth}\r\n`],
      ['a whole address of elsewhere', `GET http://evil.example/metrics HTTP/1.1\r\nHost: evil.example\r\n${auth}\r\n`],
      ['two tokens', `GET /metrics HTTP/1.1\r\nHost: evil.example\r\n${auth}Authorization: Bearer x\r\n\r\n`],
      ['two lengths', `POST /v1/share HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 50\r\n${auth}\r\nabcd`],
      ['length and pieces', `POST /v1/share HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n${auth}\r\n0\r\n\r\n`],
      ['a folded header', `GET /metrics HTTP/1.1\r\nHost: evil.example\r\n localhost\r\n${auth}\r\n`],
      ['a tunnel', `CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost\r\n${auth}\r\n`],
      ['headers without end', `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
      ['an address without end', `GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
      ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['TLS', '\x16\x03\x01\x02\x00\x01\x00'],
    ] // biome-ignore format: a table
    for (const [what, text] of texts) {
      this.attempts++
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      socket.end(text, 'latin1')
      let answer = ''
      socket.on('data', (piece) => {
        answer += piece
      })
      await once(socket, 'close')
      // Silence is a refusal as well.
      if (answer !== '' && !/^HTTP\/1\.1 4\d\d /.test(answer))
        this.failures.push(`${what}: ${answer.slice(0, 60)}`)
      if ((answer.match(/^HTTP\/1\.1 2/gm) ?? []).length > 0) this.failures.push(`${what} was let in`)
    }
    await server.stop()
    services.index.close()
  }

  /** Ten guesses a minute and address, whatever is guessed; the owner at this machine is let in between. */
  async guess(): Promise<void> {
    const { services } = createTestServices()
    const server = await this.#start(services)
    const statuses: number[] = []
    for (let guess = 0; guess < 30; guess++) {
      const answer = await this.#send(server, {
        method: 'GET', path: '/metrics', localAddress: '127.0.0.1', headers: { authorization: `Bearer guess-${guess}` },
      }) // biome-ignore format: a request
      statuses.push(answer.status)
      if (answer.status === 429 && !(Number(answer.headers['retry-after']) > 0))
        this.failures.push('429 without Retry-After')
      const owner = await this.#send(server, {
        method: 'GET',
        path: '/metrics',
        localAddress: '127.0.0.1',
        headers: { authorization: `Bearer ${TOKEN}` },
      })
      if (owner.status !== 200)
        this.failures.push(`the owner was shut out at guess ${guess}: ${owner.status}`)
    }
    const evaluated = statuses.filter((status) => status === 401).length
    if (evaluated !== 10 || statuses.some((status) => status !== 401 && status !== 429))
      this.failures.push(`guesses were answered ${statuses.join(' ')}`)
    await server.stop()
    services.index.close()
    this.failures.push(...(await guessFromElsewhere()))
  }

  /** The program itself, as a person starts it. */
  startInPublic(): void {
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      this.attempts++
      const flags = ['start', '--json', '--home', '/nonexistent/kizuna-r-15', '--api-host', host]
      const { status, stderr } = spawnSync(process.execPath, [CLI, ...flags], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      const hasHint = /apiTlsCert/.test(stderr) && /apiPublic/.test(stderr)
      if (status !== 2 || !hasHint) this.failures.push(`start at ${host}: ${status} ${stderr.slice(0, 200)}`)
    }
  }

  #start(services: Parameters<typeof startHttpServer>[0]): Promise<HttpServer> {
    return startHttpServer(services, {
      host: '127.0.0.1', port: 0, token: new Secret(TOKEN), commands: commandList, version: '0',
    }) // biome-ignore format: options
  }

  async #expect(
    what: string,
    server: HttpServer,
    statuses: readonly number[],
    sent: Omit<Sent, 'localAddress'>,
  ): Promise<void> {
    this.attempts++
    this.#addresses++
    const localAddress =
      process.platform === 'linux'
        ? `127.${1 + (this.#addresses >> 14)}.${(this.#addresses >> 7) & 127}.${1 + (this.#addresses & 127)}`
        : '127.0.0.1'
    const { status, headers } = await this.#send(server, { ...sent, localAddress })
    const isLimited = process.platform !== 'linux' && status === 429
    if (!statuses.includes(status) && !isLimited) this.failures.push(`${what}: ${status}`)
    if (Object.keys(headers).some((name) => name.startsWith('access-control')))
      this.failures.push(`${what}: CORS`)
  }

  #send(server: HttpServer, { method, path, headers, localAddress }: Sent) {
    const { hostname, port, host } = new URL(server.url)
    return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
      const options = {
        hostname,
        port,
        method,
        path,
        localAddress,
        agent: false,
        setHost: false,
        headers: { host, ...headers },
      }
      const outgoing: ClientRequest = request(options, (response) => {
        response.resume()
        response.on('close', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
      })
      outgoing.on('upgrade', (response, socket) => {
        socket.destroy()
        resolve({ status: response.statusCode ?? 0, headers: response.headers })
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  }
}
