import { SystemClock } from '../core/clock.ts'
import { SeededRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { MemoryNetworkHub } from './memory-network.ts'
import { testNetwork } from './network.suite.ts'

testNetwork('memory network', async (count) => {
  const random = new SeededRandom(1)
  const hub = new MemoryNetworkHub({ clock: new SystemClock(), random })
  const networks = Array.from({ length: count }, () =>
    hub.createNetwork(signingKeyFromSeed(random.bytes(32))),
  )
  for (const network of networks) await network.start()
  return {
    networks,
    async connectAll() {
      for (const [index, network] of networks.entries()) {
        for (const other of networks.slice(index + 1)) await network.connect(other.addresses()[0] ?? '')
      }
    },
    async stop() {
      await Promise.all(networks.map((network) => network.stop()))
    },
  }
})
