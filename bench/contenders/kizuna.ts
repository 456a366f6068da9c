/** Kizuna as a library: a whole node on each side, real store, everything verified. */
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import {
  createNode,
  type DurabilityPolicy,
  loadConfig,
  type Node,
  parseContentId,
  readPieces,
} from '../../src/index.ts'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'

const roles: Record<string, () => Promise<void>> = { seed, capped, fetch, publish, parity }
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

async function fetch(): Promise<void> {
  const [where = '', output = '', folder = ''] = wordsOf(3)
  const node = await startNode(folder)
  const [id = '', ...addresses] = where.split('@')
  for (const address of addresses) await node.services.network.connect(address)
  await timed(async () => {
    const found = await node.services.content.retrieve(parseContentId(id), { reuse: true })
    await using file = await open(output, 'w')
    for await (const piece of found.bytes) await file.writeFile(piece)
  })
}

async function publish(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const node = await startNode(folder)
  await timed(() => share(node, file, { kind: 'replica', copies: 1 }).then(() => undefined))
}

async function parity(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const node = await startNode(folder)
  await timed(() => share(node, file, { kind: 'rs', k: 10, m: 4 }).then(() => undefined))
}

async function startNode(home: string, more: Record<string, unknown> = {}): Promise<Node> {
  const room = { cacheBytesMax: 8 * 1024 ** 3 }
  // Nobody looks for anybody here: the others' look-ups are off, too.
  const flags = { home, label: 'bench', port: 0, mdns: false, upnp: false, dht: false, ...room, ...more }
  const node = await createNode(loadConfig({ userHome: homedir(), flags }))
  await node.start()
  return node
}

async function share(node: Node, file: string, policy: DurabilityPolicy): Promise<string> {
  await using source = await open(file)
  const options = { policy, acknowledge: 'local', sizeBytes: statSync(file).size } as const
  return (await node.services.content.publish(readPieces(source), options)).id
}
