/** Kizuna as a library: a whole node on each side, real store, everything verified. */
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { SystemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import { SystemRandom } from '../../src/core/random.ts'
import {
  type ContentId,
  createNode,
  type DurabilityPolicy,
  loadConfig,
  type Node,
  type NodeConfig,
  type NodeSeams,
  parseContentId,
  readPieces,
} from '../../src/index.ts'
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts'
import { networkOptions } from '../../src/node/network-options.ts'
import type { ChunkingProfile } from '../../src/storage/chunking-profile.ts'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'

const roles: Record<string, () => Promise<void>> = {
  seed,
  capped,
  fetch: () => fetch(),
  'fetch-libp2p': () => fetch(overLibp2p),
  keep: () => keep(),
  'keep-libp2p': () => keep(overLibp2p),
  publish: () => publish({ kind: 'replica', copies: 1 }),
  // What 1 GiB with parity is cut into by itself; beside it the same without, so that only parity differs.
  'publish-1m': () => publish({ kind: 'replica', copies: 1 }, 'swarm-1m'),
  'parity-1m': () => publish({ kind: 'rs', k: 10, m: 4 }, 'swarm-1m'),
}
endWithTheBenchmark()
await roles[process.argv[2] ?? '']?.()

async function seed(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const node = await startNode(folder)
  const id = await share(node, file, { kind: 'replica', copies: 1 })
  say({ where: `${id}@${node.services.network.addresses()[0]}` })
}

/** Like `seed`, with the most bytes a second that it may send. */
async function capped(): Promise<void> {
  const [file = '', folder = '', bytesPerSecond = ''] = wordsOf(3)
  const node = await startNode(folder, { uploadBytesPerSecondMax: Number(bytesPerSecond) })
  const id = await share(node, file, { kind: 'replica', copies: 1 })
  say({ where: `${id}@${node.services.network.addresses()[0]}` })
}

async function fetch(seams: typeof overLibp2p | undefined = undefined): Promise<void> {
  const { node, id, output } = await connectedNode(seams)
  await timed(() => writeOut(node, id, output))
}

/** As a member does that keeps it for others; a second sign lets it be written to a file from there. */
async function keep(seams: typeof overLibp2p | undefined = undefined): Promise<void> {
  const { node, id, output } = await connectedNode(seams)
  await timed(() => node.services.content.keep(id))
  await timed(() => writeOut(node, id, output))
}

async function connectedNode(seams?: typeof overLibp2p) {
  const [where = '', output = '', folder = ''] = wordsOf(3)
  const node = await startNode(folder, {}, seams)
  const [id = '', ...addresses] = where.split('@')
  for (const address of addresses) await node.services.network.connect(address)
  return { node, id: parseContentId(id), output }
}

async function writeOut(node: Node, id: ContentId, output: string): Promise<void> {
  const found = await node.services.content.retrieve(id, { reuse: true })
  await using file = await open(output, 'w')
  for await (const piece of found.bytes) await file.writeFile(piece)
}

/** As where no direct connection can be had: everything comes over streams of libp2p. */
function overLibp2p(config: NodeConfig): NodeSeams {
  const parts = {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    folder: join(config.home, 'network'),
  }
  const options = { ...networkOptions(config), bulk: false }
  return { network: (key) => createLibp2pNetwork({ ...parts, key }, options) }
}

async function publish(policy: DurabilityPolicy, profile?: ChunkingProfile): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const node = await startNode(folder)
  await timed(async () => {
    await share(node, file, policy, profile)
  })
}

async function startNode(
  home: string,
  more: Record<string, unknown> = {},
  seams: typeof overLibp2p = () => ({}),
): Promise<Node> {
  const room = { cacheBytesMax: 8 * 1024 ** 3 }
  // Nobody looks for anybody here: the others' look-ups are off, too.
  const flags = { home, label: 'bench', port: 0, mdns: false, upnp: false, dht: false, ...room, ...more }
  const config = loadConfig({ userHome: homedir(), flags })
  const node = await createNode(config, seams(config))
  await node.start()
  return node
}

async function share(
  node: Node,
  file: string,
  policy: DurabilityPolicy,
  profile?: ChunkingProfile,
): Promise<string> {
  await using source = await open(file)
  const sizeBytes = statSync(file).size
  const options = { policy, acknowledge: 'local', sizeBytes, ...(profile && { profile }) } as const
  return (await node.services.content.publish(readPieces(source), options)).id
}
