import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { FIRST_WINDOW_BYTES, keepFirstWindow } from './receive-window.ts'
import { LoopbackNetworks, until } from './start-networks.suite.ts'

const PROTOCOL = '/test/half-read/1.0.0'
const MIB = 2 ** 20

test('an asker that was fast lays no more into our memory afterwards than one that was not [R-05]', async () => {
  await using networks = new LoopbackNetworks()
  const [a, b] = await networks.startPair()
  let readBytes = 0
  b.handle(PROTOCOL, async function* (request, { signal }) {
    for await (const frame of request) {
      readBytes += frame.byteLength
      if (readBytes < 32 * MIB) continue
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    }
    yield new Uint8Array(0)
  })
  const control = new AbortController()
  const frames = Array.from({ length: 40 * 16 }, () => new Uint8Array(FRAME_BYTES_MAX))
  const asking = Array.fromAsync(a.request(b.peerId, PROTOCOL, frames, { signal: control.signal }))
  const heldBytes = async () => {
    return Number(/^kizuna_held_bytes (\d+)/m.exec(await networks.metricsOf(b).print())?.[1])
  }
  await until(async () => {
    if (readBytes < 32 * MIB) return false
    const before = await heldBytes()
    await new Promise((resolve) => setTimeout(resolve, 100))
    return before > FIRST_WINDOW_BYTES && before === (await heldBytes())
  })
  // What is read ahead, and a window besides.
  assert.ok((await heldBytes()) <= 3 * FIRST_WINDOW_BYTES, `${await heldBytes()} bytes`)
  control.abort()
  await assert.rejects(asking, { code: 'ABORTED' })
})

test('a stream that is built in another way stays as it is', () => {
  const stream = { maxStreamWindowSize: 'large' }
  keepFirstWindow(stream as unknown as Stream)
  assert.deepEqual(stream, { maxStreamWindowSize: 'large' })
})
