import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../../src/core/content-id.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { type PeerId, signingKeyFromSeed } from '../../src/core/signing-key.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'
import { MemoryNetworkHub } from '../../src/network/memory-network.ts'
import type { Network } from '../../src/network/network.ts'

const NODES = 1_000
const TOPIC = '/simulation/news'
const PROTOCOL = '/simulation/ask/1.0.0'

test('a thousand virtual nodes hear the news, find a provider and ask it, over links that delay and lose [K-63] [K-66] [B-53]', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(11)
  const hub = new MemoryNetworkHub({ clock, random }, { delayMs: 20, jitterMs: 30 })
  const networks = Array.from({ length: NODES }, () =>
    hub.createNetwork(signingKeyFromSeed(random.bytes(32))),
  )
  const heard = new Set<PeerId>()
  for (const network of networks) {
    await network.start()
    network.listen(TOPIC, () => heard.add(network.peerId))
    network.handle(PROTOCOL, async function* (request, { from }) {
      for await (const frame of request) yield Buffer.concat([frame, Buffer.from(from)])
    })
  }
  const dials = networks.flatMap((network) =>
    Array.from({ length: 4 }, () => pick(random, networks))
      .filter((other) => other !== network)
      .map((other) => network.connect(other.addresses()[0] ?? '')),
  )
  await Promise.all([Promise.all(dials), clock.advance(1_000)])

  hub.setAllLinks({ dropRate: 0.05 })
  await (networks[0] as Network).broadcast(TOPIC, Buffer.from('news'))
  await clock.advance(2_000)
  assert.ok(heard.size >= NODES - 5, `${heard.size} of ${NODES} heard`)

  hub.setAllLinks({ dropRate: 0 })
  const provider = networks[500] as Network
  const id = contentIdOf(Buffer.from('rare'))
  await provider.provide([id])
  const askers = Array.from({ length: 50 }, () => pick(random, networks)).filter((one) => one !== provider)
  const answers = askers.map(async (asker) => {
    for await (const { peer } of asker.findProviders(id, { limit: 1 })) {
      for await (const frame of asker.request(peer, PROTOCOL, [Buffer.from('hi ')])) {
        return Buffer.from(frame).toString() === `hi ${asker.peerId}`
      }
    }
    return false
  })
  const [all] = await Promise.all([Promise.all(answers), clock.advance(5_000)])
  assert.ok(all.every(Boolean))
})

function pick<Item>(random: SeededRandom, items: readonly Item[]): Item {
  return items[random.integer(items.length)] as Item
}
