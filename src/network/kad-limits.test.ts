import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { streamPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { KAD_PROTOCOL } from './dht.ts'
import { KAD_MESSAGE_BYTES_MAX, KAD_VALUE_BYTES_MAX, LengthWatch, withMessageLimit } from './kad-limits.ts'
import { addressOf, LoopbackNetworks } from './start-networks.suite.ts'

const FIND_NODE = [0x08, 4]

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]
}

function message(sizeBytes: number, head: readonly number[]): Buffer {
  const content = Buffer.alloc(sizeBytes)
  content.set(head)
  return Buffer.concat([Buffer.from(varint(sizeBytes)), content])
}

function isGood(bytes: Uint8Array, step = bytes.byteLength): boolean {
  const watch = new LengthWatch()
  for (let at = 0; at < bytes.byteLength; at += step) {
    if (!watch.isGood(bytes.subarray(at, at + step))) return false
  }
  return true
}

test('messages up to 64 KiB pass, such as may carry values up to 8 KiB, however they are cut [R-06]', () => {
  const good = Buffer.concat([
    message(KAD_MESSAGE_BYTES_MAX, FIND_NODE),
    message(KAD_VALUE_BYTES_MAX, [0x08, 0]),
    message(KAD_VALUE_BYTES_MAX, [0x1a, 9]),
    message(0, []),
    message(1, [0x08]),
    message(300, FIND_NODE),
  ])
  for (const step of [good.byteLength, 1, 7, 4_096]) assert.ok(isGood(good, step), `in steps of ${step}`)
  const bad = [
    message(KAD_MESSAGE_BYTES_MAX + 1, FIND_NODE).subarray(0, 3),
    message(KAD_VALUE_BYTES_MAX + 1, [0x08, 0]).subarray(0, 4),
    message(KAD_VALUE_BYTES_MAX + 1, [0x08, 1]).subarray(0, 4),
    message(KAD_VALUE_BYTES_MAX + 1, [0x1a, 9]).subarray(0, 3),
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x80, 0x80, 0x80, 0x80]),
  ]
  for (const bytes of bad) {
    for (const step of [bytes.byteLength, 1]) {
      assert.ok(!isGood(bytes, step), bytes.toString('hex'))
      // After good ones just as well.
      assert.ok(!isGood(Buffer.concat([message(20, FIND_NODE), bytes]), step))
    }
  }
})

describe('a DHT that meets liars', { timeout: 240_000 }, () => {
  test('hangs up on a question that is too long, at its length, and answers others [R-06]', async () => {
    await using networks = new LoopbackNetworks()
    const network = await networks.start({ dht: true })
    await using plain = await startPlain()
    const { liar } = plain
    const connection = await liar.dial(multiaddr(addressOf(network)))
    const good = await connection.newStream(KAD_PROTOCOL)
    const answered = new Promise((resolve) => good.addEventListener('message', resolve))
    good.send(message(36, [...FIND_NODE, 0x12, 32]))
    await answered
    const bad = await connection.newStream(KAD_PROTOCOL)
    const closed = new Promise<void>((resolve) => bad.addEventListener('close', () => resolve()))
    bad.send(message(KAD_MESSAGE_BYTES_MAX + 1, FIND_NODE).subarray(0, 3))
    await closed
    assert.equal(await networks.metricsOf(network).total('kizuna_network_bad_frames_total'), 1)
  })
})

test('streams that the DHT opens are watched as those that come to it are, and nothing else is changed [R-06]', async () => {
  const [asker, answerer] = await streamPair()
  let tooLong = 0
  class Manager {
    readonly #opened: string[] = []
    async openStream(peer: string) {
      this.#opened.push(peer)
      return asker
    }
    get opened() {
      return this.#opened
    }
    count() {
      return this.#opened.length
    }
  }
  interface Parts {
    registrar: object
    connectionManager: Manager
    name: string
  }
  const made = withMessageLimit(
    (components: Parts) => components,
    () => tooLong++,
  )({ registrar: {}, connectionManager: new Manager(), name: 'oak' } as Parts)
  const stream = await made.connectionManager.openStream('elm')
  assert.deepEqual(
    [made.name, made.connectionManager.opened, made.connectionManager.count()],
    ['oak', ['elm'], 1],
  )
  const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()))
  answerer.send(message(300, FIND_NODE))
  answerer.send(message(2 ** 20, FIND_NODE).subarray(0, 3))
  await closed
  assert.equal(stream.status, 'aborted')
  assert.equal(tooLong, 1)
})

async function startPlain(): Promise<AsyncDisposable & { liar: Libp2p }> {
  const liar = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  })
  return {
    liar,
    async [Symbol.asyncDispose]() {
      await liar.stop()
    },
  }
}
