import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { InvalidInputError } from '../core/errors.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import type { PeerId } from '../core/signing-key.ts'
import { BROADCAST_BYTES_MAX, type Network, type PeerAddresses } from './network.ts'
import { ownTime } from './own-time.suite.ts'

/** Some started networks that know nothing of each other yet. */
export interface NetworksUnderTest {
  networks: Network[]
  /** Connects every two of them and waits until each knows it. */
  connectAll(): Promise<void>
  stop(): Promise<void>
}

/** What a writer may have sent before a reader that sleeps read its second frame: windows and socket buffers. */
const HELD_BYTES_MAX = 32 * 1024 * 1024
const PROTOCOL = '/kizuna/suite/1.0.0'

/** The behaviour that every `Network` must have. `create` gives `count` started networks. */
export function testNetwork(name: string, create: (count: number) => Promise<NetworksUnderTest>): void {
  const withNetworks = (
    title: string,
    count: number,
    run: (networks: readonly Network[]) => Promise<void>,
    options: { connected: boolean } = { connected: true },
  ) =>
    test(`${name}: ${title}`, { timeout: 180_000 }, async () => {
      // Timers of the clock do not keep the process alive; a test that waits for one must.
      const alive = setInterval(() => {}, 1_000)
      const world = await create(count)
      try {
        if (options.connected) await world.connectAll()
        await run(world.networks)
      } finally {
        await world.stop()
        clearInterval(alive)
      }
    })

  for (const sizeBytes of [1, 1024, 1024 * 1024]) {
    withNetworks(`echoes ${sizeBytes} bytes [K-23]`, 2, async ([a, b]) => {
      b?.handle(PROTOCOL, echo)
      const sent = patterned(sizeBytes)
      const answer = await collect(a as Network, idOf(b), framesOf(sent))
      assert.equal(Buffer.compare(Buffer.concat(answer), sent), 0)
    })
  }

  withNetworks('answers bulk requests alike, whichever way they come, many at once', 2, async ([a, b]) => {
    b?.handle(PROTOCOL, echo)
    const sent = patterned(300_000)
    const ask = async () => {
      const digest: Buffer[] = []
      // A frame is good only until the next is asked for.
      for await (const frame of (a as Network).request(idOf(b), PROTOCOL, framesOf(sent), { bulk: true })) {
        digest.push(Buffer.from(frame))
      }
      assert.equal(Buffer.compare(Buffer.concat(digest), sent), 0)
    }
    // Another way, where there is one, is opened while the first requests are answered.
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 8 }, ask))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })

  withNetworks('carries an empty request, an empty frame and an empty answer', 2, async ([a, b]) => {
    b?.handle(PROTOCOL, async function* (request) {
      for await (const frame of request) yield frame
    })
    assert.deepEqual(await collect(a as Network, idOf(b), []), [])
    const [frame] = await collect(a as Network, idOf(b), [new Uint8Array(0)])
    assert.equal(frame?.byteLength, 0)
  })

  withNetworks(
    'delivers messages once, in order per sender, with the sender proven [K-24]',
    3,
    async ([a, b, c]) => {
      const heard: { from: PeerId; value: number }[] = []
      c?.handle(PROTOCOL, async function* (request, { from }) {
        for await (const frame of request) heard.push({ from, value: frame[0] ?? -1 })
        yield new Uint8Array(1)
      })
      const sendAll = async (network: Network) => {
        for (let round = 0; round < 10; round++) {
          await collect(
            network,
            idOf(c),
            [0, 1, 2, 3, 4].map((offset) => Uint8Array.of(5 * round + offset)),
          )
        }
      }
      await Promise.all([sendAll(a as Network), sendAll(b as Network)])
      for (const sender of [a, b]) {
        const values = heard.filter(({ from }) => from === sender?.peerId).map(({ value }) => value)
        assert.deepEqual(
          values,
          Array.from({ length: 50 }, (_, index) => index),
        )
      }
      assert.equal(heard.length, 100)
    },
  )

  withNetworks('carries many requests at once over one connection [B-17]', 2, async ([a, b]) => {
    b?.handle(PROTOCOL, echo)
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => collect(a as Network, idOf(b), [Uint8Array.of(index)])),
    )
    assert.deepEqual(
      answers.map(([frame]) => frame?.[0]),
      Array.from({ length: 30 }, (_, index) => index),
    )
    assert.equal(a?.connectedPeers().length, 1)
    assert.equal(b?.connectedPeers().length, 1)
  })

  withNetworks('says who is connected and tells listeners', 2, async ([a, b]) => {
    assert.equal(a?.isConnected(idOf(b)), true)
    assert.equal(a?.connectedPeers()[0]?.path, 'direct')
    const left = new Promise<PeerId>((resolve) =>
      b?.onPeer(({ kind, peer }) => kind === 'disconnected' && resolve(peer)),
    )
    await a?.disconnect(idOf(b))
    assert.equal(await left, a?.peerId)
    await until(() => a?.isConnected(idOf(b)) === false && b?.isConnected(idOf(a)) === false)
  })

  withNetworks(
    'connects by address and by a remembered peer, and refuses nonsense',
    2,
    async ([a, b]) => {
      const [address = ''] = b?.addresses() ?? []
      assert.ok(address?.endsWith(`/p2p/${b?.peerId}`))
      assert.equal(await a?.connect(address), b?.peerId)
      await a?.disconnect(idOf(b))
      await until(() => a?.isConnected(idOf(b)) === false)
      assert.equal(await a?.connect(idOf(b)), b?.peerId)
      const remembered = await a?.remembered(10)
      assert.ok(remembered?.some(({ peer }) => peer === b?.peerId))
      await assert.rejects(async () => a?.connect('/nonsense'), InvalidInputError)
      await assert.rejects(async () => a?.connect('nonsense' as PeerId), InvalidInputError)
    },
    { connected: false },
  )

  withNetworks(
    'fails with PEER_UNREACHABLE for a peer nobody knows',
    2,
    async ([a, b]) => {
      await assert.rejects(collect(a as Network, idOf(b), []), withCode('PEER_UNREACHABLE'))
      await assert.rejects(async () => a?.connect(idOf(a)), withCode('PEER_UNREACHABLE'))
    },
    { connected: false },
  )

  withNetworks('refuses an unknown protocol with REQUEST_REFUSED [S-53]', 2, async ([a, b]) => {
    await assert.rejects(collect(a as Network, idOf(b), [Uint8Array.of(1)]), withCode('REQUEST_REFUSED'))
  })

  withNetworks("carries the handler's error, after the frames before it", 2, async ([a, b]) => {
    b?.handle(PROTOCOL, async function* () {
      yield Uint8Array.of(7)
      throw new InvalidInputError({ what: 'The id', reason: 'it is short', details: { length: 3 } })
    })
    const frames: Uint8Array[] = []
    await assert.rejects(
      async () => {
        for await (const frame of a?.request(idOf(b), PROTOCOL, []) ?? []) frames.push(frame)
      },
      (error) => {
        assert.ok(isKizunaError(error, 'INVALID_INPUT'))
        assert.equal(error.kind, 'invalid')
        assert.equal(error.message, 'The id is not valid: it is short.')
        assert.ok(error.hint.length > 0)
        assert.deepEqual(error.details, { length: 3 })
        return true
      },
    )
    assert.deepEqual([...(frames[0] ?? [])], [7])
  })

  withNetworks('tells nothing of an unexpected error but that there was one', 2, async ([a, b]) => {
    // biome-ignore lint/correctness/useYield: it fails before it answers.
    b?.handle(PROTOCOL, async function* () {
      throw new Error('secret path /home/me')
    })
    await assert.rejects(collect(a as Network, idOf(b), []), (error) => {
      assert.ok(isKizunaError(error, 'INTERNAL'))
      assert.ok(!JSON.stringify(error).includes('secret'))
      return true
    })
  })

  withNetworks('ends a call at its deadline and stops the handler', 2, async ([a, b]) => {
    const stopped = Promise.withResolvers<void>()
    b?.handle(PROTOCOL, async function* (_request, { signal }) {
      signal.addEventListener('abort', () => stopped.resolve())
      await stopped.promise
    })
    await assert.rejects(
      collect(a as Network, idOf(b), [], { timeoutMs: 1_000 }),
      withCode('DEADLINE_EXCEEDED'),
    )
    await stopped.promise
  })

  withNetworks("ends a call when the caller's signal aborts", 2, async ([a, b]) => {
    const control = new AbortController()
    const stopped = Promise.withResolvers<void>()
    b?.handle(PROTOCOL, async function* (_request, { signal }) {
      signal.addEventListener('abort', () => stopped.resolve())
      yield Uint8Array.of(1)
      await stopped.promise
    })
    await assert.rejects(async () => {
      for await (const _frame of a?.request(idOf(b), PROTOCOL, [], { signal: control.signal }) ?? []) {
        control.abort()
      }
    }, withCode('ABORTED'))
    await stopped.promise
    await assert.rejects(
      collect(a as Network, idOf(b), [], { signal: AbortSignal.abort() }),
      withCode('ABORTED'),
    )
  })

  withNetworks('stops the peer when the reader stops early', 2, async ([a, b]) => {
    const stopped = Promise.withResolvers<void>()
    b?.handle(PROTOCOL, async function* () {
      try {
        for (;;) yield new Uint8Array(FRAME_BYTES_MAX)
      } finally {
        stopped.resolve()
      }
    })
    let frames = 0
    for await (const _frame of a?.request(idOf(b), PROTOCOL, []) ?? []) if (++frames === 3) break
    await stopped.promise
    assert.equal(frames, 3)
  })

  withNetworks('stops sending a request that its handler does not read', 2, async ([a, b]) => {
    b?.handle(PROTOCOL, async function* () {
      yield Uint8Array.of(1)
    })
    const stopped = Promise.withResolvers<void>()
    const endless = (async function* () {
      try {
        for (;;) yield new Uint8Array(FRAME_BYTES_MAX)
      } finally {
        stopped.resolve()
      }
    })()
    assert.equal((await collect(a as Network, idOf(b), endless)).length, 1)
    await stopped.promise
  })

  withNetworks('holds the writer while the reader sleeps', 2, async ([a, b]) => {
    const total = (2 * HELD_BYTES_MAX) / FRAME_BYTES_MAX
    let produced = 0
    b?.handle(PROTOCOL, async function* () {
      for (; produced < total; produced++) yield new Uint8Array(FRAME_BYTES_MAX).fill(produced)
    })
    const frames = (a as Network)
      .request(idOf(b), PROTOCOL, [], { timeoutMs: 50_000 })
      [Symbol.asyncIterator]()
    await frames.next()
    let before = -1
    await until(() => {
      const quiet = produced === before
      before = produced
      return quiet
    }, 200)
    assert.ok(produced < total / 2, `${produced} of ${total} frames were sent to a reader that sleeps`)
    let read = 1
    for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
      assert.equal(next.value[0], read % 256)
      read++
    }
    assert.equal(read, total)
  })

  withNetworks('refuses a frame over the limit, in a request and in an answer [S-53]', 2, async ([a, b]) => {
    let whole = false
    b?.handle(PROTOCOL, async function* (request) {
      for await (const frame of request) if (frame.byteLength > FRAME_BYTES_MAX) whole = true
      yield new Uint8Array(FRAME_BYTES_MAX + 1)
    })
    const oversize = [new Uint8Array(FRAME_BYTES_MAX + 1)]
    await assert.rejects(collect(a as Network, idOf(b), oversize), withCode('LIMIT_EXCEEDED'))
    await assert.rejects(collect(a as Network, idOf(b), []), withCode('LIMIT_EXCEEDED'))
    assert.equal(whole, false)
    const fits = new Uint8Array(FRAME_BYTES_MAX)
    b?.handle('/kizuna/suite-echo/1.0.0', echo)
    const answer = a?.request(idOf(b), '/kizuna/suite-echo/1.0.0', [fits]) ?? []
    for await (const frame of answer) assert.equal(frame.byteLength, FRAME_BYTES_MAX)
  })

  withNetworks('fails with CONNECTION_LOST when the peer goes in mid-answer', 2, async ([a, b]) => {
    const stopped = Promise.withResolvers<void>()
    b?.handle(PROTOCOL, async function* (_request, { signal }) {
      signal.addEventListener('abort', () => stopped.resolve())
      yield Uint8Array.of(1)
      await stopped.promise
    })
    await assert.rejects(async () => {
      for await (const _frame of a?.request(idOf(b), PROTOCOL, []) ?? []) await b?.stop()
    }, withCode('CONNECTION_LOST'))
    await stopped.promise
  })

  withNetworks(
    'refuses a second handler, and takes one after the first is gone [S-19]',
    2,
    async ([a, b]) => {
      const takeAway = b?.handle(PROTOCOL, echo)
      assert.throws(() => b?.handle(PROTOCOL, echo), withCode('PROTOCOL_TAKEN'))
      takeAway?.()
      takeAway?.()
      b?.handle(PROTOCOL, async function* () {
        yield Uint8Array.of(2)
      })
      const [frame] = await collect(a as Network, idOf(b), [Uint8Array.of(1)])
      assert.equal(frame?.[0], 2)
    },
  )

  withNetworks('finds providers, each once, and ends at the limit [S-13]', 5, async (networks) => {
    const [reader, ...providers] = networks
    const id = contentIdOf(Buffer.from('provided'))
    await Promise.all(providers.flatMap((network) => [network.provide([id]), network.provide([id])]))
    const providing = await providersOf(reader as Network, id, 20)
    const found = providing.map(({ peer }) => peer)
    assert.equal(new Set(found).size, found.length)
    assert.deepEqual(found.toSorted(), providers.map(({ peerId }) => peerId).toSorted())
    assert.equal((await providersOf(reader as Network, id, 2)).length, 2)
    assert.deepEqual(await providersOf(reader as Network, contentIdOf(Buffer.from('nobody')), 20), [])
    const cancelled = { limit: 20, signal: AbortSignal.abort() }
    await assert.rejects(async () => {
      for await (const _provider of reader?.findProviders(id, cancelled) ?? []) assert.fail('it went on')
    }, withCode('ABORTED'))
  })

  withNetworks('finds where a connected peer is', 2, async ([a, b]) => {
    const found = await a?.findPeer(idOf(b))
    assert.equal(found?.peer, b?.peerId)
  })

  withNetworks('broadcasts to those who listen, and no longer than they do', 3, async ([a, b, c]) => {
    const heard: { text: string; from: PeerId }[] = []
    const hear = (bytes: Uint8Array, from: PeerId) =>
      heard.push({ text: Buffer.from(bytes).toString(), from })
    const stop = b?.listen('topic', hear)
    c?.listen('topic', hear)
    // Only ever an accelerator: it may be lost, so it is said until it was heard.
    await until(async () => {
      await a?.broadcast('topic', Buffer.from('hello'))
      return heard.length >= 2
    }, 100)
    assert.ok(heard.every(({ text, from }) => text === 'hello' && from === a?.peerId))
    stop?.()
    const tooLong = new Uint8Array(BROADCAST_BYTES_MAX + 1)
    await assert.rejects(async () => a?.broadcast('topic', tooLong), withCode('LIMIT_EXCEEDED'))
  })

  withNetworks('keeps a peer connected after the connection was cut', 2, async ([a, b]) => {
    const addresses = b?.addresses() ?? []
    await a?.keepConnected({ peer: idOf(b), addresses })
    await b?.disconnect(idOf(a))
    await until(() => a?.isConnected(idOf(b)) === false, 1)
    await until(() => a?.isConnected(idOf(b)) === true)
  })

  withNetworks('stops within 3 s with requests running, and refuses afterwards', 2, async ([a, b]) => {
    const arrived = Promise.withResolvers<void>()
    b?.handle(PROTOCOL, async function* (_request, { signal }) {
      arrived.resolve()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    })
    const running = collect(a as Network, idOf(b), []).catch((error) => error)
    await arrived.promise
    const passedMs = ownTime()
    await a?.stop()
    assert.ok(passedMs() < 3_000)
    assert.ok(isKizunaError(await running))
    await assert.rejects(collect(a as Network, idOf(b), []), withCode('PEER_UNREACHABLE'))
    assert.deepEqual(a?.connectedPeers(), [])
  })
}

async function* echo(request: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* request
}

async function collect(
  network: Network,
  peer: PeerId,
  request: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Uint8Array[]> {
  return all(network.request(peer, PROTOCOL, request, options))
}

function providersOf(network: Network, id: ContentId, limit: number): Promise<PeerAddresses[]> {
  return all(network.findProviders(id, { limit, timeoutMs: 5_000 }))
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

function* framesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += FRAME_BYTES_MAX) {
    yield bytes.subarray(offset, offset + FRAME_BYTES_MAX)
  }
}

/** Bytes that differ from frame to frame. */
function patterned(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 31 + (index >> 16)) & 0xff)
}

function idOf(network: Network | undefined): PeerId {
  return (network as Network).peerId
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => isKizunaError(error, code) || assert.fail(`expected ${code}, got ${error}`)
}

async function until(holds: () => boolean | Promise<boolean>, everyMs = 10): Promise<void> {
  const passedMs = ownTime()
  while (!(await holds())) {
    if (passedMs() > 15_000) assert.fail('it did not come about within 15 s')
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
