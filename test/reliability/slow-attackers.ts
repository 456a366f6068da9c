/**
 * The attackers of r-05, in a process of their own so that what they do does not slow down the one who measures.
 * Prints one line of JSON when all are in place, and one at the end: for each kind, how many places the node took
 * back and after how many milliseconds the last of them.
 */
import { createConnection, type Socket } from 'node:net'
import type { Network } from '../../src/network/network.ts'
import { LoopbackNetworks } from '../../src/network/start-networks.suite.ts'
import { ECHO_PROTOCOL } from '../../src/node/echo.ts'
import { startStockAsker } from './stock-asker.ts'

export interface AttackPlan {
  /** A multiaddress of the node, and its HTTP API. */
  address: string
  api: string
  /** Connections that send a byte a second, to each of the two ports. */
  dribbling: number
  /** Requests that send a byte a second, and requests whose answer nobody reads. */
  dribblingRequests: number
  unread: number
  /** TLS handshakes at the door of direct connections that go on by a byte a second. */
  halfOpen: number
  /** Requests on direct connections: sent a byte a second, and answered without anybody reading. */
  directDribbling: number
  directUnread: number
  /** Connections that say nothing at all. */
  silent: number
  durationMs: number
}

export interface Freed {
  opened: number
  freed: number
  lastMs: number
}

const plan = JSON.parse(process.argv[2] ?? '') as AttackPlan
const freed: Record<string, Freed> = {}
const stop = new AbortController()
const [, host = '', port = '0'] = /\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(plan.address) ?? []

await using networks = new LoopbackNetworks()
const sockets: Socket[] = []
const hostile = await Promise.all(Array.from({ length: 4 }, () => networks.start()))
const deaf = await Promise.all(hostile.map(() => startStockAsker(plan.address)))
const direct = [await networks.start(), await networks.start()]
for (const network of [...hostile, ...direct]) await network.connect(plan.address)
const peer = plan.address.split('/p2p/').at(-1) as never
for (const network of direct) await openDirect(network)
dribble('libp2p bytes', Number(port), host, '\x13/multistream/1.0.0\n', plan.dribbling)
const api = new URL(plan.api)
dribble('TLS handshakes', Number(port), host, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', plan.halfOpen)
dribble('HTTP bytes', Number(api.port), api.hostname, 'GET /v1/status HTTP/1.1\r\nX-Slow: ', plan.dribbling)
for (let index = 0; index < plan.silent; index++) {
  watch('silent', connect(Number(port), host))
  if (index % 50 === 49) await pause(10)
}
for (let index = 0; index < plan.dribblingRequests; index++) {
  dribbleRequest('dribbling requests', hostile[index % hostile.length], false)
}
for (let index = 0; index < plan.directDribbling; index++)
  dribbleRequest('direct dribbling requests', direct[0], true)
for (let index = 0; index < plan.unread; index++) {
  follow('unread answers', async () => deaf[index % deaf.length]?.askDeafly(ECHO_PROTOCOL))
}
for (let index = 0; index < plan.directUnread; index++) ignoreDirectAnswer(direct[1])
process.stdout.write(`${JSON.stringify({ inPlace: true })}\n`)
await pause(plan.durationMs)
process.stdout.write(`${JSON.stringify(freed)}\n`)
stop.abort(new Error('the attack is over'))
for (const socket of sockets) socket.destroy()
process.exit(0)

function count(kind: string): Freed {
  const entry = freed[kind] ?? { opened: 0, freed: 0, lastMs: 0 }
  freed[kind] = entry
  entry.opened++
  return entry
}

function dribbleRequest(kind: string, network: Network | undefined, bulk: boolean): void {
  follow(kind, async () => {
    const source = async function* () {
      for (;;) {
        yield new Uint8Array(1)
        await pause(1_000)
      }
    }
    const options = { timeoutMs: 120_000, signal: stop.signal, bulk }
    const answer = network?.request(peer, ECHO_PROTOCOL, source(), options)
    for await (const _ of answer ?? []) if (stop.signal.aborted) return
  })
}

function ignoreDirectAnswer(network: Network | undefined): void {
  follow('direct unread answers', async () => {
    const frames = Array.from({ length: 16 }, () => new Uint8Array(60 * 1024))
    const options = { timeoutMs: 120_000, signal: stop.signal, bulk: true }
    const reader = network?.request(peer, ECHO_PROTOCOL, frames, options)[Symbol.asyncIterator]()
    await reader?.next()
    await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()))
  })
}

/** Asks until the direct connection stands; the first requests go by libp2p. */
async function openDirect(network: Network): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const answer = network.request(peer, ECHO_PROTOCOL, [new Uint8Array(1)], { bulk: true })
    for await (const _ of answer);
    if ((await networks.metricsOf(network).total('kizuna_bulk_connections_total')) > 0) return
    await pause(50)
  }
  throw new Error('no direct connection came about')
}

function watch(kind: string, socket: Socket): void {
  const entry = count(kind)
  const startedAt = performance.now()
  sockets.push(socket)
  socket.on('error', () => {})
  socket.resume()
  socket.once('close', () => {
    if (stop.signal.aborted) return
    entry.freed++
    entry.lastMs = Math.max(entry.lastMs, Math.round(performance.now() - startedAt))
  })
}

function dribble(kind: string, toPort: number, toHost: string, text: string, connections: number): void {
  for (let index = 0; index < connections; index++) {
    const socket = connect(toPort, toHost)
    let sent = 0
    const send = () => socket.write(Buffer.from(text[sent++ % text.length] ?? ' ', 'latin1'))
    // The first byte at once when it is TLS: it decides who is to wait for the rest.
    if (kind === 'TLS handshakes') send()
    const timer = setInterval(send, 1_000)
    socket.once('close', () => clearInterval(timer))
    watch(kind, socket)
  }
}

function follow(kind: string, work: () => Promise<void>): void {
  const entry = count(kind)
  const startedAt = performance.now()
  work()
    .catch(() => {})
    .finally(() => {
      if (stop.signal.aborted) return
      entry.freed++
      entry.lastMs = Math.max(entry.lastMs, Math.round(performance.now() - startedAt))
    })
}

/** From another loopback network than honest peers come from, as strangers would. */
function connect(toPort: number, toHost: string): Socket {
  return createConnection({ port: toPort, host: toHost, localAddress: '127.0.66.1' })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
