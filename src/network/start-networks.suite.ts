import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics, type Metrics } from '../core/metrics.ts'
import { SystemRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { createLibp2pNetwork } from './libp2p-network.ts'
import type { Libp2pNetworkOptions } from './libp2p-options.ts'
import type { Network } from './network.ts'
import { ownTime } from './own-time.suite.ts'

/** What a test of real hosts on loopback begins with: no source of discovery but those it names. */
export const ALONE: Partial<Libp2pNetworkOptions> = {
  host: '127.0.0.1',
  mdns: false,
  autonat: false,
  peerExchange: false,
  redial: false,
  dht: false,
}

/** Real hosts on loopback that stop, and leave nothing on disk, when the test ends. */
export class LoopbackNetworks implements AsyncDisposable {
  readonly #random = new SystemRandom()
  readonly #networks: Network[] = []
  readonly #metrics = new Map<Network, Metrics>()
  readonly #alive = setInterval(() => {}, 1_000)
  #folder: Promise<string> | undefined

  /** A network that is not started; the same `seed` has the same identity and peer store. */
  async create(options: Partial<Libp2pNetworkOptions> = {}, seed = this.#random.bytes(32)): Promise<Network> {
    this.#folder ??= mkdtemp(join(tmpdir(), 'kizuna-network-'))
    const key = signingKeyFromSeed(seed)
    const metrics = createMetrics({ processMetrics: false })
    const network = createLibp2pNetwork(
      {
        key,
        clock: new SystemClock(),
        random: this.#random,
        log: silentLogger,
        metrics,
        folder: join(await this.#folder, key.peerId),
      },
      { ...ALONE, ...options },
    )
    this.#networks.push(network)
    this.#metrics.set(network, metrics)
    return network
  }

  async start(options: Partial<Libp2pNetworkOptions> = {}, seed?: Uint8Array): Promise<Network> {
    const network = await this.create(options, seed)
    await network.start()
    return network
  }

  async startPair(options: Partial<Libp2pNetworkOptions> = {}): Promise<[Network, Network]> {
    const [a, b] = [await this.start(options), await this.start(options)]
    await a.connect(addressOf(b))
    await until(() => b.isConnected(a.peerId))
    return [a, b]
  }

  metricsOf(network: Network): Metrics {
    const metrics = this.#metrics.get(network)
    if (metrics === undefined) throw new Error('The network is not of this test.')
    return metrics
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#networks.map((network) => network.stop()))
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true })
    clearInterval(this.#alive)
  }
}

/** The first address that others can dial. */
export function addressOf(network: Network): string {
  const [address] = network.addresses()
  if (address === undefined) throw new Error('The network has no address.')
  return address
}

/** Waits until a condition holds, at most `timeoutMs` of our own time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
  everyMs = 20,
): Promise<void> {
  const passedMs = ownTime()
  while (!(await holds())) {
    if (passedMs() > timeoutMs) throw new Error(`it did not come about within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** Every item of an async iterable. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}
