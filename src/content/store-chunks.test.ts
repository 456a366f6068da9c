import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { ChunkLeases } from '../storage/chunk-leases.ts'
import { storeChunks } from './store-chunks.ts'

const ids = Array.from({ length: 100 }, (_, index) => contentIdOf(Buffer.from(`chunk ${index}`)))

describe('storing chunks in groups', () => {
  let clock: VirtualClock
  let leases: ChunkLeases
  let transfer: SlowTransfer
  beforeEach(() => {
    clock = new VirtualClock()
    leases = new ChunkLeases()
    transfer = new SlowTransfer()
  })

  const begin = (count: number, chunkBytesMax = 2 ** 20) => {
    const lease = leases.hold()
    return storeChunks({ clock, transfer, lease }, { ids: ids.slice(0, count), chunkBytesMax })
  }

  test('eight that are durable make a group, and the last one is what is left', async () => {
    const groups = begin(11)
    const first = groups.next()
    await transfer.end(8)
    assert.deepEqual((await first).value, ids.slice(0, 8))
    const second = groups.next()
    await transfer.end(3)
    assert.deepEqual((await second).value, ids.slice(8, 11))
    assert.equal((await groups.next()).done, true)
  })

  test('what comes slowly waits a tenth of a second for others', async () => {
    const groups = begin(11)
    const first = groups.next()
    await transfer.end(1)
    await clock.advance(99)
    let handedOn = false
    void first.then(() => {
      handedOn = true
    })
    await settle()
    assert.equal(handedOn, false)
    await clock.advance(1)
    assert.deepEqual((await first).value, ids.slice(0, 1))
    await groups.return(undefined)
    assert.equal(clock.nextAt, undefined)
  })

  test('sixteen are under way at once, each leased, and a taker that waits begins no more than as many again', async () => {
    const groups = begin(100)
    const first = groups.next()
    assert.equal(transfer.begun, 16)
    assert.equal(leases.size, 16)
    await transfer.end(8)
    await first
    for (let round = 0; round < 20; round++) await transfer.end(8)
    assert.ok(transfer.begun <= 8 + 16 + 16, `${transfer.begun} were begun`)
    assert.equal((await groups.next()).value?.length, transfer.begun - 8)
    await groups.return(undefined)
  })

  test('sixteen MiB are under way at once, in sixty-four chunks at most and eight at least', async () => {
    const underWay = async (chunkBytesMax: number) => {
      const before = transfer.begun
      const groups = begin(100, chunkBytesMax)
      void groups.next()
      return transfer.begun - before
    }
    assert.equal(await underWay(1), 64)
    assert.equal(await underWay(2 ** 18), 64)
    assert.equal(await underWay(1.5 * 2 ** 20), 10)
    assert.equal(await underWay(2 ** 21), 8)
    assert.equal(await underWay(2 ** 23), 8)
  })

  test('a failure begins no more, and comes after what was stored', async () => {
    const groups = begin(100)
    const first = groups.next()
    await transfer.end(3)
    await transfer.fail(new Error('full'))
    const { begun } = transfer
    await transfer.end(begun)
    assert.equal(transfer.begun, begun)
    assert.equal((await first).value?.length, begun - 1)
    await assert.rejects(groups.next(), /full/)
  })

  test('whoever takes no more groups begins no more chunks', async () => {
    const groups = begin(100)
    const first = groups.next()
    await transfer.end(8)
    await first
    await groups.return(undefined)
    const { begun } = transfer
    await transfer.end(begun)
    assert.equal(transfer.begun, begun)
    assert.equal(clock.nextAt, undefined)
  })
})

/** Chunks are stored when the test says so, those begun first first. */
class SlowTransfer {
  begun = 0
  readonly #waiting: PromiseWithResolvers<void>[] = []

  store(_id: ContentId): Promise<void> {
    this.begun++
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  async end(count: number): Promise<void> {
    for (const { resolve } of this.#waiting.splice(0, count)) resolve()
    await settle()
  }

  async fail(error: Error): Promise<void> {
    this.#waiting.shift()?.reject(error)
    await settle()
  }
}

/** Everything that waits for nothing but its turn has had it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
