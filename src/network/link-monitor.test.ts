import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { ConnectionClosedError } from '@libp2p/interface'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { LinkMonitor } from './link-monitor.ts'
import type { Network } from './network.ts'
import { addressOf, all, LoopbackNetworks, until } from './start-networks.suite.ts'

const LIMIT = { timeout: 240_000 }
const PROTOCOL = '/kizuna/test-slow/1.0.0'

test('a connection on which nothing comes any more is dropped within 12 s', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = [await networks.start(), await networks.start()]
  const line = await startLine(b)
  await a.connect(`127.0.0.1:${line.port}`)
  await until(() => a.isConnected(b.peerId) && b.isConnected(a.peerId))
  line.cut()
  await until(() => !a.isConnected(b.peerId) && !b.isConnected(a.peerId), 12_000)
  line.close()
})

test('a busy slow line is not taken for a dead one, although every ping is late', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = [await networks.start(), await networks.start()]
  const frames = 64
  b.handle(PROTOCOL, async function* () {
    for (let index = 0; index < frames; index++) yield new Uint8Array(64 * 1024)
  })
  // 256 KiB/s: the 4 MiB take 16 s, and a ping waits behind all that was sent before it.
  const line = await startLine(b, 256 * 1024)
  await a.connect(`127.0.0.1:${line.port}`)
  const answer = await all(a.request(b.peerId, PROTOCOL, [], { timeoutMs: 120_000 }))
  assert.equal(answer.length, frames)
  assert.equal(await networks.metricsOf(a).total('kizuna_dead_links_total'), 0)
  assert.equal(await networks.metricsOf(b).total('kizuna_dead_links_total'), 0)
  line.close()
})

test('the round trip to a peer is measured', LIMIT, async () => {
  await using networks = new LoopbackNetworks()
  const [a] = await networks.startPair()
  await until(() => a.connectedPeers()[0]?.latencyMs !== undefined)
  assert.ok((a.connectedPeers()[0]?.latencyMs ?? -1) >= 0)
})

test('a connection that says it is open and carries no more streams is dropped', async () => {
  const clock = new VirtualClock()
  const aborted: Error[] = []
  // Seen with WebSocket: the other end closed the muxer, its socket never ended.
  const connection = {
    status: 'open',
    remotePeer: { toString: () => 'somebody' },
    newStream: async () => {
      throw new ConnectionClosedError('The connection muxer is "closed" and not "open"')
    },
    abort: (error: Error) => aborted.push(error),
  }
  const host = { addEventListener: () => {}, getConnections: () => [connection] }
  const parts = {
    host: host as never,
    clock,
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
  }
  const stop = new AbortController()
  const running = new LinkMonitor(parts).run(stop.signal)
  await clock.advance(12_000)
  stop.abort()
  await running
  assert.ok(aborted.length > 0)
})

/** A TCP line to a network, as slow as given; `cut` makes it swallow everything without a word. */
async function startLine(target: Network, bytesPerSecond = Number.POSITIVE_INFINITY) {
  const port = Number(/\/tcp\/(\d+)\//.exec(addressOf(target))?.[1])
  let isCut = false
  const sockets = new Set<ReturnType<typeof connect>>()
  const server = createServer((incoming) => {
    const outgoing = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from)
      from.on('data', (data: Buffer) => {
        if (isCut) return
        to.write(data)
        if (bytesPerSecond === Number.POSITIVE_INFINITY) return
        from.pause()
        setTimeout(() => from.resume(), (1_000 * data.byteLength) / bytesPerSecond)
      })
      from.on('error', () => {})
      from.on('close', () => !isCut && to.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    cut: () => {
      isCut = true
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
