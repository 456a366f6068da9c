/** What slow and greedy askers get of direct connections: in virtual time, over real sockets. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { HELD_BYTES_MAX, HELD_BYTES_PER_PEER_MAX } from '../held-memory.ts'
import { closing } from '../native-tls/stock-hosts.suite.ts'
import { until } from '../start-networks.suite.ts'
import { credit, ECHO, frame, ServedWorld } from './served-world.suite.ts'
import { TAKING_MS, TakingWatch } from './taking-watch.ts'

const SOON_MS = 8_000
const KIB_60 = 'x'.repeat(60 * 1_024)

describe('guards of direct connections', { timeout: 240_000 }, () => {
  test('a request of one byte a second, each in a frame of its own, is dropped within 15 s [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    client.resume()
    client.write(frame(1, 'open', '/test/eat/1'))
    for (let second = 0; second < 15 && !client.destroyed; second++) {
      client.write(frame(1, 'more', 'x'))
      await until(() => world.receivedBytes === second + 1 || client.destroyed)
      await clock.advance(1_000)
    }
    await closing(client, SOON_MS)
    assert.equal(await world.metrics.total('kizuna_network_slow_peers_total'), 1)
    await until(() => world.load.answering === 0)
  })

  test('many requests of one byte a second each are dropped as one is, though together they are more [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    for (let id = 1; id <= 60; id++) client.write(frame(id, 'open', '/test/eat/1'))
    for (let second = 0; second < 15 && !client.destroyed; second++) {
      for (let id = 1; id <= 60; id++) client.write(frame(id, 'more', 'x'))
      await until(() => world.receivedBytes === 60 * (second + 1) || client.destroyed)
      await clock.advance(1_000)
    }
    await closing(client, SOON_MS)
  })

  test('a request that begins and says nothing is dropped within 15 s [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    client.write(frame(1, 'open', ECHO))
    await until(() => world.load.answering === 1)
    await clock.advance(15_000)
    await closing(client, SOON_MS)
  })

  test('a request whose bytes come slowly, but at the least pace, is served to its end [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    const frames = world.framesOf(client, 1)
    client.write(frame(1, 'open', '/test/eat/1'))
    for (let step = 1; step <= 12; step++) {
      client.write(frame(1, 'more', 'x'.repeat(3_000)))
      await until(() => world.receivedBytes === step * 3_000)
      await clock.advance(5_000)
    }
    client.write(frame(1, 'end', ''))
    assert.deepEqual(await frames, [[1, 'more', 'eaten']])
  })

  test('many large answers on one line that is slow to read hold little, and all of them get on [R-05]', async () => {
    await using world = await ServedWorld.start()
    const client = await world.dial()
    const requests = 30
    let most = 0
    const look = setInterval(() => {
      most = Math.max(most, world.load.memory.heldBytes)
    }, 1)
    for (let id = 1; id <= requests; id++) {
      client.write(Buffer.concat([frame(id, 'open', '/test/large/1'), frame(id, 'end', '')]))
    }
    try {
      await until(() => world.load.answering === requests)
      // The window of each is all that comes before somebody gives credit.
      const came = new Map<number, number>()
      world.onFrame(client, (id, _mark, bytes) => came.set(id, (came.get(id) ?? 0) + bytes.byteLength))
      await until(() => came.size === requests && [...came.values()].every((bytes) => bytes > 256 * 1024))
      assert.ok(most > 0 && most <= 1024 * 1024 + requests * 256, `${most} bytes`)
    } finally {
      clearInterval(look)
    }
  })

  test('frames are long where the line takes them at once, and short where it does not', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    const sizes: number[] = []
    let opened = 0
    const ask = () => {
      opened++
      client.write(Buffer.concat([frame(opened, 'open', '/test/large/1'), frame(opened, 'end', '')]))
    }
    world.onFrame(client, (_id, mark, bytes) => {
      if (mark === 'more') sizes.push(bytes.byteLength)
    })
    // The window of each is two mebibytes.
    for (let count = 0; count < 8; count++) ask()
    await until(() => sizes.includes(1024 * 1024))
    assert.ok(
      sizes.slice(0, 16).every((size) => size === 64 * 1024),
      `${sizes}`,
    )
    for (const size of [128, 256, 512]) assert.ok(sizes.includes(size * 1024), `${sizes}`)
    sizes.length = 0
    // More than the system takes while the client reads nothing: a frame is under way as time goes on.
    client.pause()
    while (opened < 60) ask()
    await until(async () => {
      const before = world.load.memory.heldBytes
      await new Promise((resolve) => setTimeout(resolve, 50))
      return before > 512 * 1024 && before === world.load.memory.heldBytes
    })
    await clock.advance(1_000)
    client.resume()
    await until(() => sizes.reduce((sum, size) => sum + size, 0) >= 52 * 262_144)
    assert.ok(sizes.includes(64 * 1024), `${sizes}`)
  })

  test('an answer that nobody reads is given up after 30 s, and its place is free [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    client.write(frame(1, 'open', '/test/endless/1'))
    client.write(frame(1, 'end', ''))
    // All that the window allows has been read from TCP, but no more was asked for.
    await world.framesOf(client, 34)
    await clock.advance(29_000)
    assert.equal(world.load.answering, 1)
    await clock.advance(3_000)
    await closing(client, SOON_MS)
    await until(() => world.load.answering === 0)
  })

  test('requests that fill the memory and stand still are told to come back; the connection stays [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    for (let id = 1; id <= 60; id++) {
      client.write(frame(id, 'open', '/test/deaf/1'))
      for (let count = 0; count < 8; count++) client.write(frame(id, 'more', KIB_60))
    }
    await new Promise((resolve) => client.write(frame(61, 'open', '/test/deaf/1'), resolve))
    await until(() => world.asked === 61)
    const tooMany = Math.ceil((60 * 8 * 60 * 1024 - HELD_BYTES_PER_PEER_MAX) / (8 * 60 * 1024))
    const refused = world.framesOf(client, tooMany)
    await clock.advance(2_500)
    for (const [, mark, text] of await refused) {
      assert.equal(mark, 'error')
      assert.match(text, /RATE_LIMITED/)
    }
    assert.equal(await world.metrics.total('kizuna_network_slow_peers_total'), tooMany)
    await until(() => world.load.answering === 61 - tooMany)
    assert.ok(world.load.memory.heldBytes <= HELD_BYTES_PER_PEER_MAX)
    // What was still on its way for the refused harms nobody, and the connection is as good as before.
    const [[id] = []] = await refused
    client.write(frame(id ?? 0, 'more', KIB_60))
    const next = world.framesOf(client, 1)
    client.write(Buffer.concat([frame(62, 'open', ECHO), frame(62, 'last', 'still there?')]))
    assert.deepEqual(await next, [[62, 'more', 'still there?']])
  })

  test('a connection that gives nothing back when its requests are refused is closed [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    // All that there is for everybody is taken by others, who move.
    let movedBytes = 0
    for (const peer of ['oak', 'elm', 'ash', 'fir']) {
      const heldBytes = HELD_BYTES_MAX / 4
      world.load.memory.add({
        peer,
        heldBytes,
        reset: () => {},
        get movedBytes() {
          return movedBytes
        },
      })
    }
    const client = await world.dial()
    client.pause()
    for (let id = 1; id <= 60; id++) client.write(frame(id, 'open', '/test/endless/1'))
    await until(() => world.load.answering === 60)
    await until(async () => {
      const before = world.load.memory.heldBytes
      await new Promise((resolve) => setTimeout(resolve, 50))
      return before > HELD_BYTES_MAX && before === world.load.memory.heldBytes
    })
    for (let step = 0; step < 6; step++) {
      movedBytes++
      await clock.advance(500)
    }
    await closing(client, SOON_MS)
    await until(() => world.load.answering === 0)
  })

  test('places are shared with the requests that come by libp2p [R-05]', async () => {
    await using world = await ServedWorld.start()
    for (let count = 0; count < 1_024; count++) world.load.begin()
    const client = await world.dial()
    client.write(frame(1, 'open', ECHO))
    const [[id, mark, text] = []] = await world.framesOf(client, 1)
    assert.deepEqual([id, mark], [1, 'error'])
    assert.match(String(text), /RATE_LIMITED/)
    assert.equal(world.load.answering, 1_024)
  })

  test('a connection on which nothing is asked is closed after a while [R-05]', async () => {
    const clock = new VirtualClock()
    await using world = await ServedWorld.start({ clock })
    const client = await world.dial()
    client.write(frame(1, 'open', ECHO))
    client.write(frame(1, 'end', ''))
    await world.framesOf(client, 1)
    await until(() => world.load.answering === 0)
    await clock.advance(91_000)
    await closing(client, SOON_MS)
  })

  test('a third connection of one peer is refused, and credits open nothing [R-05]', async () => {
    await using world = await ServedWorld.start()
    await Promise.all([world.dial(), world.dial()])
    const third = await world.dial()
    third.write(credit(1, 262_144))
    await closing(third, SOON_MS)
    assert.match(await world.metrics.print(), /kizuna_bulk_refusals_total\{reason="links"\} 1/)
  })

  test('one network gets so many handshakes a second and no more [R-05]', async () => {
    await using world = await ServedWorld.start({ clock: new VirtualClock() })
    for (let count = 1; count <= 101; count++) {
      const socket = await world.tcp(Buffer.from([0x16]))
      socket.destroy()
      await until(async () => (await world.metrics.total('kizuna_bulk_refusals_total')) === count, SOON_MS, 1)
    }
    const printed = await world.metrics.print()
    assert.match(printed, /kizuna_bulk_refusals_total\{reason="handshake"\} 100/)
    assert.match(printed, /kizuna_bulk_refusals_total\{reason="busy"\} 1/)
  })
})

test('who takes none of what waits for 30 s is dropped, who takes something or has nothing to take is not [R-05]', async () => {
  const clock = new VirtualClock()
  const state = { taken: 0, waits: false, dropped: false }
  const watch = new TakingWatch(clock, {
    taken: () => state.taken,
    waiting: () => state.waits,
    onTooSlow: () => {
      state.dropped = true
    },
  })
  await clock.advance(2 * TAKING_MS)
  state.waits = true
  for (let round = 0; round < 5; round++) {
    await clock.advance(TAKING_MS - 5_000)
    state.taken++
  }
  assert.equal(state.dropped, false)
  await clock.advance(TAKING_MS + 5_000)
  assert.equal(state.dropped, true)
  watch.stop()
  assert.equal(clock.pendingCount, 0)
})
