import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../core/virtual-clock.ts'
import { HELD_BYTES_MAX, HELD_BYTES_PER_PEER_MAX, HeldMemory } from './held-memory.ts'

const MIB = 1024 * 1024

class FakeStream {
  readonly peer: string
  heldBytes: number
  movedBytes = 0
  resets = 0
  /** Whether it gives nothing back. */
  keeps = false

  constructor(heldBytes: number, peer: string) {
    this.heldBytes = heldBytes
    this.peer = peer
  }

  get dropped(): boolean {
    return this.resets > 0
  }

  reset(): void {
    this.resets++
    if (!this.keeps) this.heldBytes = 0
  }
}

/** Streams that hold so much; the peer of each is its place in the list, or what is given. */
function memoryWith(
  sizes: readonly number[],
  peers: readonly string[] = sizes.map((_, index) => `${index}`),
) {
  const clock = new VirtualClock()
  let drops = 0
  const memory = new HeldMemory({
    clock,
    onDropped: () => {
      drops++
    },
  })
  const streams = sizes.map((size, index) => new FakeStream(size, peers[index] ?? ''))
  for (const stream of streams) memory.add(stream)
  return { clock, memory, streams, drops: () => drops }
}

function droppedOf(streams: readonly FakeStream[]): boolean[] {
  return streams.map(({ dropped }) => dropped)
}

test('streams that stand still and hold too much together go, the largest first [R-05]', async () => {
  const third = HELD_BYTES_MAX / 3
  const { clock, memory, streams, drops } = memoryWith([third, 1_000, third + 1_000, third])
  await clock.advance(500)
  assert.equal(drops(), 0)
  await clock.advance(1_000)
  assert.deepEqual(droppedOf(streams), [false, false, true, false])
  assert.equal(drops(), 1)
  for (const stream of streams) memory.remove(stream)
  assert.equal(clock.pendingCount, 0)
})

test('one peer has less than all: what its streams hold too much goes, those of others stay [R-05]', async () => {
  const sizes = [2 * MIB, HELD_BYTES_PER_PEER_MAX - MIB, 2 * MIB, 3 * MIB]
  const { clock, memory, streams } = memoryWith(sizes, ['oak', 'oak', 'elm', 'elm'])
  assert.ok(memory.heldBytes < HELD_BYTES_MAX)
  await clock.advance(1_500)
  assert.deepEqual(droppedOf(streams), [false, true, false, false])
})

test('of many peers the one that holds most gives first, although each of its streams is small [R-05]', async () => {
  const one = Array.from({ length: 7 }, () => MIB)
  const others = Array.from({ length: 5 }, () => 2 * MIB)
  const peers = [...one.map(() => 'ivy'), ...others.map((_, index) => `oak ${index}`)]
  const { clock, streams } = memoryWith([...one, ...others], peers)
  await clock.advance(1_500)
  assert.equal(streams.filter(({ dropped }) => dropped).length, 1)
  assert.equal(streams.find(({ dropped }) => dropped)?.peer, 'ivy')
})

test('whoever moves may stay up to half as much again, and below the limit everybody may [R-05]', async () => {
  const peers = ['oak', 'elm', 'ash', 'fir', 'yew']
  const { clock, streams, drops } = memoryWith(
    peers.map(() => 4.5 * MIB),
    peers,
  )
  for (let look = 0; look < 10; look++) {
    for (const stream of streams) stream.movedBytes += 10
    await clock.advance(500)
  }
  assert.equal(drops(), 0)
  const small = memoryWith([1_000, 2_000])
  await small.clock.advance(5_000)
  assert.equal(small.drops(), 0)
})

test('what comes at full speed is seen as it comes: nobody fills the memory between two looks [R-05]', async () => {
  const { clock, memory, streams } = memoryWith(
    [0, 0, 0, 0, 0, 0],
    ['oak', 'oak', 'elm', 'elm', 'ash', 'ash'],
  )
  let most = 0
  for (let step = 0; step < 400; step++) {
    await clock.advance(1)
    const open = streams.filter(({ dropped }) => !dropped)
    for (const stream of open) {
      stream.heldBytes += 100_000
      stream.movedBytes += 100_000
      memory.came(100_000)
    }
    most = Math.max(most, memory.heldBytes)
  }
  assert.ok(most > HELD_BYTES_MAX)
  assert.ok(most <= 1.5 * HELD_BYTES_MAX + 14 * MIB, `${most} bytes`)
})

test('who gives nothing back is told again, and others do not go for it', async () => {
  const { clock, streams } = memoryWith([HELD_BYTES_PER_PEER_MAX, 9 * MIB])
  const [, stubborn] = streams
  assert.ok(stubborn !== undefined)
  stubborn.keeps = true
  await clock.advance(1_500)
  assert.deepEqual(
    streams.map(({ resets }) => resets),
    [0, 1],
  )
  await clock.advance(1_000)
  assert.deepEqual(
    streams.map(({ resets }) => resets),
    [0, 2],
  )
})
