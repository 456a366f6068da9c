/** An upgrade of libp2p's Yamux that changes what is reached into here fails here, before it costs anybody speed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MultiaddrConnection, Stream, StreamMuxer } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { lentReaderOf, readLent } from '../lent-bytes.ts'
import { FIRST_WINDOW_BYTES } from '../receive-window.ts'
import { until } from '../start-networks.suite.ts'
import { isAsWeKnow, quickYamux } from './quick-yamux.ts'

const MIB = 2 ** 20
const init = { enableKeepAlive: false }
const kinds = { quick: quickYamux(init), stock: yamux(init) as ReturnType<typeof quickYamux> }

describe('Yamux that hands on what comes as it comes', () => {
  for (const [asks, answers] of [
    ['quick', 'stock'],
    ['stock', 'quick'],
    ['quick', 'quick'],
  ] as const) {
    test(`${asks} and ${answers}: several streams at once, each with its own bytes, and an end`, async () => {
      const { muxer, remote } = pair(asks, answers)
      const reading: Promise<Buffer>[] = []
      remote.addEventListener('stream', ({ detail }) => void reading.push(readAll(detail)))
      const sent = await Promise.all(
        [1, 2, 3, 4].map(async (index) => {
          const stream = await muxer.createStream()
          const bytes = Buffer.alloc(3 * MIB + index, index)
          void sendAll(stream, bytes).then(() => stream.close())
          return bytes
        }),
      )
      await until(() => reading.length === sent.length)
      const received = await Promise.all(reading)
      received.sort((one, other) => one.byteLength - other.byteLength)
      for (const [index, bytes] of sent.entries()) assert.ok(bytes.equals(received[index] ?? Buffer.of()))
    })
  }

  test('whoever wants bytes for a moment only gets them in the memory they came in, and is held to the window', async () => {
    const { muxer, incoming, connection } = pair('stock', 'quick')
    const stream = await muxer.createStream()
    stream.send(Buffer.from('a'))
    await until(() => incoming.length === 1)
    const [received] = incoming as [Stream]
    let lent = 0
    let kept = 0
    received.addEventListener('message', ({ data }) => {
      kept += data.byteLength
    })
    await until(() => kept === 1)
    readLent(received, (bytes) => {
      lent += bytes.byteLength
    })
    const into = lentReaderOf(connection) ?? assert.fail('Yamux has changed: adapt quick-yamux.ts to it')
    const header = headerOf({ streamId: 1, sizeBytes: 10 })
    into(Buffer.concat([header, Buffer.alloc(4)]))
    assert.equal(lent, 4)
    received.pause()
    into(Buffer.alloc(6, 7))
    assert.deepEqual([lent, received.readBufferLength], [4, 6], 'paused: it is kept in order')
    received.resume()
    assert.equal(kept, 7)
    assert.equal(received.status, 'open')
  })

  test('what comes is told of before the streams get it, in whichever memory it comes, and whoever reads it [R-05]', async () => {
    for (const isLent of [false, true]) {
      const [other, connection] = multiaddrConnectionPair() as [MultiaddrConnection, MultiaddrConnection]
      let toldBytes = 0
      quickYamux(init, (bytes) => {
        toldBytes += bytes
      })().createStreamMuxer(connection)
      const bytes = headerOf({ streamId: 77, sizeBytes: 0 })
      if (isLent) lentReaderOf(connection)?.(bytes)
      else other.send(bytes)
      await until(() => toldBytes === bytes.byteLength)
    }
  })

  test('between its agreement and its handler no more than a window comes on a stream, and then the rest [R-05]', async () => {
    const { muxer, remote, incoming } = pair('stock', 'quick')
    remote.addEventListener('stream', ({ detail }) => {
      detail.protocol = '/test/1'
    })
    const stream = await muxer.createStream()
    const sending = sendAll(stream, Buffer.alloc(MIB))
    await until(() => (incoming[0]?.readBufferLength ?? 0) >= FIRST_WINDOW_BYTES)
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    const [received] = incoming as [Stream]
    assert.ok(received.readBufferLength < 2 * FIRST_WINDOW_BYTES, `${received.readBufferLength} bytes`)
    let count = 0
    received.addEventListener('message', ({ data }) => {
      count += data.byteLength
    })
    await sending
    await until(() => count === MIB)
  })

  for (const [what, bytes] of [
    ['a version that is none', Buffer.alloc(12, 1)],
    ['a type that is none', Buffer.of(0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)],
    ['data for the connection itself', headerOf({ streamId: 0, sizeBytes: 5 })],
    ['more than the window of a stream', headerOf({ streamId: 1, sizeBytes: FIRST_WINDOW_BYTES + 1 })],
    ['more than a window with a new stream', headerOf({ streamId: 3, sizeBytes: 2 ** 32 - 1, flags: 1 })],
  ] as const) {
    test(`${what} ends the connection when its header is there [R-06]`, async () => {
      for (const isLent of [false, true]) {
        const { muxer, incoming, connection, other } = pair('stock', 'quick')
        const stream = await muxer.createStream()
        stream.send(Buffer.from('a'))
        await until(() => incoming.length === 1)
        if (isLent) lentReaderOf(connection)?.(bytes)
        else other.send(bytes)
        await until(() => connection.status === 'aborted')
        lentReaderOf(connection)?.(bytes)
      }
    })
  }

  test('bytes for a stream that is gone are read over, whatever their length, and what follows is heard', async () => {
    const { muxer, incoming, connection } = pair('stock', 'quick')
    const into = lentReaderOf(connection) ?? assert.fail()
    into(headerOf({ streamId: 77, sizeBytes: MIB }))
    for (let index = 0; index < 1024; index++) into(Buffer.alloc(1024))
    const stream = await muxer.createStream()
    stream.send(Buffer.from('heard'))
    await until(() => incoming.length === 1)
    const [received] = incoming as [Stream]
    const heard: Uint8Array[] = []
    received.addEventListener('message', ({ data }) => void heard.push(data.subarray()))
    await until(() => heard.length > 0)
    assert.equal(Buffer.concat(heard).toString(), 'heard')
  })

  test('Yamux is built as quick-yamux.ts knows it, and what is built in another way stays as it is', () => {
    const { connection, muxer } = pair('quick', 'quick')
    const hint = 'Yamux has changed: adapt quick-yamux.ts to it'
    assert.ok(lentReaderOf(connection) !== undefined, hint)
    assert.equal(isAsWeKnow(muxer), true, hint)
    for (const strange of [{}, { streams: [] }, { streams: [], handleFrame() {}, onData() {} }]) {
      assert.equal(isAsWeKnow(strange), false)
    }
  })
})

function pair(asks: keyof typeof kinds, answers: keyof typeof kinds) {
  const [other, connection] = multiaddrConnectionPair() as [MultiaddrConnection, MultiaddrConnection]
  const muxer: StreamMuxer = kinds[asks]().createStreamMuxer(other)
  const remote: StreamMuxer = kinds[answers]().createStreamMuxer(connection)
  const incoming: Stream[] = []
  remote.addEventListener('stream', ({ detail }) => void incoming.push(detail))
  return { muxer, remote, incoming, connection, other }
}

async function sendAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += 60_000) {
    stream.send(bytes.subarray(at, at + 60_000))
    while (stream.writableNeedsDrain) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** To be called when the stream has just opened: its end is told only once. */
async function readAll(stream: Stream): Promise<Buffer> {
  const parts: Uint8Array[] = []
  stream.addEventListener('message', ({ data }) => void parts.push(new Uint8Array(data.subarray())))
  await new Promise((resolve) => stream.addEventListener('end', resolve))
  return Buffer.concat(parts)
}

function headerOf(facts: { streamId: number; sizeBytes: number; flags?: number }): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(facts.flags ?? 0, 2)
  header.writeUInt32BE(facts.streamId, 4)
  header.writeUInt32BE(facts.sizeBytes, 8)
  return header
}
