/**
 * What a look-up costs as the network grows: `node bench/lookups.ts [--sizes 100,1000,10000] [--write]`.
 * Real KadDHT objects with the settings of the product on a stubbed transport (dht-on-a-stub.ts), at rest
 * and after a tenth of the peers left without a word. Then a node announces 10,000 ids. `--write` keeps the
 * figures in RESULTS.md and draws bench/lookups.svg.
 * 10,000 nodes take some minutes and two gigabytes: `nice node --expose-gc --max-old-space-size=8192 bench/lookups.ts`.
 */
import { writeFileSync } from 'node:fs'
import { readWords } from '../scripts/program-words.ts'
import { SystemClock } from '../src/core/clock.ts'
import { SeededRandom } from '../src/core/random.ts'
import { KADEMLIA } from '../src/network/dht.ts'
import { pointOf } from '../src/network/key-regions.ts'
import { RegionalProvider } from '../src/network/provide-in-regions.ts'
import { StubbedNetwork, StubbedNode } from './dht-on-a-stub.ts'
import { keepResults } from './kept-results.ts'
import { describeMachine } from './machine.ts'
import { drawLines } from './plot.ts'
import { median } from './rounds.ts'

const CLOSEST = KADEMLIA.kBucketSize
const LOOKUPS = 40
/** What a large file makes a node announce, and on how large a network that is tried. */
const ANNOUNCED = 10_000
const ANNOUNCED_AMONG = 200
const JOIN_AT_ONCE = 20
const LEAVING = 0.1

interface Figures {
  nodes: number
  /** Messages, median of the look-ups. */
  messages: number
  /** Shortest chain of who told of whom, from the asker to the closest peer: mean. */
  hops: number
  /** Share of the true closest peers that were found. */
  recall: number
  milliseconds: number
  heapKibPerNode: number
  joinMessagesPerNode: number
}

const { values } = readWords(import.meta.filename, {
  options: {
    sizes: { type: 'string', default: '100,1000,10000' },
    write: { type: 'boolean', default: false },
  },
})
const sizes = values.sizes.split(',').map(Number)
const random = new SeededRandom(1)
const machine = describeMachine()
const atRest: Figures[] = []
const underChurn: Figures[] = []

// A tenth of a look-up would go into the stack traces of errors that nobody sees.
Error.stackTraceLimit = 0
const announced = await announce()
console.log(
  `${ANNOUNCED} ids announced among ${ANNOUNCED_AMONG} nodes: ${announced.lookups} look-ups, ${announced.messages} messages`,
)
for (const size of sizes) {
  const heapBefore = heapBytes()
  const { network, nodes } = await networkOf(size)
  const facts = {
    heapKibPerNode: (heapBytes() - heapBefore) / size / 1024,
    joinMessagesPerNode: network.messages / size,
  }
  atRest.push({ ...(await lookUp(network, nodes)), ...facts })
  const leaving = nodes.splice(0, Math.round(size * LEAVING))
  for (const node of leaving) await node.leave()
  underChurn.push({ ...(await lookUp(network, nodes)), ...facts })
  for (const node of nodes) await node.leave()
  print('At rest', atRest.slice(-1))
  print(`After ${LEAVING * 100} % left without a word`, underChurn.slice(-1))
  // After each size: the largest one takes longest, and may be broken off.
  if (values.write) keep()
}

function keep(): void {
  const row = (when: string, { nodes, messages, hops, recall, heapKibPerNode }: Figures) => [
    `${nodes}, ${when}`,
    messages.toFixed(0),
    hops.toFixed(2),
    `${(recall * 100).toFixed(1)} %`,
    `${heapKibPerNode.toFixed(0)} KiB`,
  ]
  const fewer = 1 - announced.lookups / ANNOUNCED
  const cells = [`${announced.lookups} look-ups`, `${(fewer * 100).toFixed(1)} % fewer than one by one`]
  const line = (name: string, figures: readonly Figures[]) => ({
    name,
    points: figures.map(({ nodes, messages }) => [nodes, messages] as const),
  })
  const lines = [line('at rest', atRest), line('a tenth has left', underChurn)]
  const titles = { title: 'Messages of one look-up', x: 'nodes (logarithmic)', y: 'messages, median' }
  writeFileSync(new URL('lookups.svg', import.meta.url), drawLines(lines, { ...titles, logarithmic: true }))
  keepResults([
    {
      title: 'Look-ups as the network grows',
      machine,
      setting: `KadDHT of the library with α = ${KADEMLIA.alpha}, ${KADEMLIA.disjointPaths} paths, k = ${CLOSEST}, tables of ${KADEMLIA.prefixLength} bits, on a stubbed transport; ${LOOKUPS} look-ups of chance keys; medians of messages, means of hops; recall of the ${CLOSEST} closest; heap of the joined network`,
      standings: [],
      goals: [
        {
          ours: `announcing ${ANNOUNCED} ids`,
          theirs: 'a tenth of the look-ups one by one',
          atLeast: 1,
          ratio: (0.1 * ANNOUNCED) / announced.lookups,
          reached: fewer >= 0.9,
        },
      ],
      table: {
        head: ['nodes', 'messages', 'hops', 'recall', 'heap a node'],
        rows: [
          ...atRest.map((figures) => row('at rest', figures)),
          ...underChurn.map((figures) => row('a tenth of the others has left', figures)),
          [`${ANNOUNCED_AMONG}, announcing ${ANNOUNCED} ids`, `${announced.messages}`, ...cells, ''],
        ],
      },
      picture: 'lookups.svg',
    },
  ])
}

async function networkOf(size: number): Promise<{ network: StubbedNetwork; nodes: StubbedNode[] }> {
  const network = new StubbedNetwork()
  const nodes: StubbedNode[] = []
  while (nodes.length < size) {
    const joining = Math.min(nodes.length === 0 ? 1 : JOIN_AT_ONCE, size - nodes.length)
    const first = nodes.length
    const joined = Array.from({ length: joining }, (_, index) => {
      const through = nodes[random.integer(Math.max(1, first))]
      return StubbedNode.join(network, { number: first + index, kademlia: KADEMLIA, through })
    })
    nodes.push(...(await Promise.all(joined)))
    if (nodes.length % 500 < JOIN_AT_ONCE) console.error(`${nodes.length} of ${size} have joined`)
  }
  return { network, nodes }
}

/** A large file's ids, announced as the product does it; telling a peer costs a stream and is not counted. */
async function announce(): Promise<{ lookups: number; messages: number }> {
  const { network, nodes } = await networkOf(ANNOUNCED_AMONG)
  const [asker] = nodes as [StubbedNode]
  const provider = new RegionalProvider<string>({
    clock: new SystemClock(),
    records: {
      async closestPeers(key) {
        const found: { peer: string; point: Uint8Array }[] = []
        for await (const event of asker.dht.getClosestPeers(key)) {
          if (event.name !== 'FINAL_PEER') continue
          const { id } = event.peer
          found.push({ peer: id.toString(), point: pointOf(id.toMultihash().bytes) })
        }
        return found
      },
      tell: async () => undefined,
    },
  })
  const before = network.messages
  const keys = Array.from({ length: ANNOUNCED }, () => chanceKey())
  const { lookups, kept } = await provider.provide(keys, new AbortController().signal)
  if (kept !== ANNOUNCED) throw new Error(`Only ${kept} ids found somebody who keeps their record.`)
  for (const node of nodes) await node.leave()
  return { lookups, messages: network.messages - before }
}

function chanceKey(): Uint8Array {
  return Buffer.concat([Buffer.from([0x12, 0x20]), random.bytes(32)])
}

async function lookUp(
  network: StubbedNetwork,
  nodes: readonly StubbedNode[],
): Promise<Omit<Figures, 'heapKibPerNode' | 'joinMessagesPerNode'>> {
  const points = nodes.map((node) => ({
    name: node.id.toString(),
    point: pointOf(node.id.toMultihash().bytes),
  }))
  const messages: number[] = []
  const milliseconds: number[] = []
  let hops = 0
  let recall = 0
  for (let turn = 0; turn < LOOKUPS; turn++) {
    const asker = nodes[random.integer(nodes.length)] as StubbedNode
    const key = chanceKey()
    const closest = closestTo(
      pointOf(key),
      points.filter(({ name }) => name !== asker.id.toString()),
    )
    const depths = new Map<string, number>()
    const found = new Set<string>()
    const before = network.messages
    const begin = performance.now()
    for await (const event of asker.dht.getClosestPeers(key)) {
      if (event.name === 'FINAL_PEER') found.add(event.peer.id.toString())
      if (event.name !== 'PEER_RESPONSE') continue
      const depth = depths.get(event.from.toString()) ?? 1
      for (const { id } of event.closer) {
        const name = id.toString()
        depths.set(name, Math.min(depths.get(name) ?? Number.POSITIVE_INFINITY, depth + 1))
      }
    }
    milliseconds.push(performance.now() - begin)
    messages.push(network.messages - before)
    hops += depths.get(closest[0] ?? '') ?? 1
    recall += closest.filter((name) => found.has(name)).length / closest.length
  }
  return {
    nodes: nodes.length,
    messages: median(messages),
    hops: hops / LOOKUPS,
    recall: recall / LOOKUPS,
    milliseconds: median(milliseconds),
  }
}

function closestTo(target: Uint8Array, points: readonly { name: string; point: Uint8Array }[]): string[] {
  const distance = ({ point }: { point: Uint8Array }) =>
    Buffer.from(point.map((byte, at) => byte ^ (target[at] ?? 0)))
  return points
    .map((one) => ({ name: one.name, distance: distance(one) }))
    .sort((one, other) => Buffer.compare(one.distance, other.distance))
    .slice(0, CLOSEST)
    .map(({ name }) => name)
}

function heapBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

function print(title: string, figures: readonly Figures[]): void {
  console.log(`\n${title}`)
  for (const row of figures) {
    const { nodes, messages, hops, recall, milliseconds, heapKibPerNode, joinMessagesPerNode } = row
    console.log(
      `${String(nodes).padStart(6)} nodes: ${messages.toFixed(0)} messages, ${hops.toFixed(2)} hops, ` +
        `${(recall * 100).toFixed(1)} % of the closest found, ${milliseconds.toFixed(0)} ms; ` +
        `${joinMessagesPerNode.toFixed(0)} messages to join, ${heapKibPerNode.toFixed(0)} KiB of heap a node`,
    )
  }
}
