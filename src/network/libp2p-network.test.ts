import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SystemRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { createLibp2pNetwork } from './libp2p-network.ts'
import { testNetwork } from './network.suite.ts'

testNetwork('libp2p network', async (count) => {
  const folder = await mkdtemp(join(tmpdir(), 'kizuna-network-'))
  const random = new SystemRandom()
  const networks = Array.from({ length: count }, (_, index) =>
    createLibp2pNetwork(
      {
        key: signingKeyFromSeed(random.bytes(32)),
        clock: new SystemClock(),
        random,
        log: silentLogger,
        metrics: createMetrics({ processMetrics: false }),
        folder: join(folder, String(index)),
      },
      { host: '127.0.0.1', mdns: false, autonat: false },
    ),
  )
  await Promise.all(networks.map((network) => network.start()))
  return {
    networks,
    async connectAll() {
      for (const [index, network] of networks.entries()) {
        for (const other of networks.slice(index + 1)) {
          await network.connect(other.addresses()[0] ?? '')
          while (!other.isConnected(network.peerId)) await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }
      assert.ok(networks.every((network) => network.connectedPeers().length === count - 1))
    },
    async stop() {
      await Promise.all(networks.map((network) => network.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
})
