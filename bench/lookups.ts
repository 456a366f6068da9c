/**
 * What a look-up costs as the network grows: `node bench/lookups.ts [--sizes 100,1000,10000] [--write]`.
 * Real KadDHT objects with our settings and with the library's, on a stubbed transport (dht-on-a-stub.ts), at rest
 * and after a tenth of the peers left without a word. `--write` keeps the figures and draws bench/lookups.svg.
 * 10,000 nodes take some minutes and some gigabytes: `node --max-old-space-size=8192 bench/lookups.ts`.
 */
import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../src/core/random.ts'
import { StubbedNetwork, StubbedNode } from './dht-on-a-stub.ts'
import { describeMachine, machineLine } from './machine.ts'
import { drawLines } from './plot.ts'
import { median } from './rounds.ts'

/** As in src/network/libp2p-host.ts. */
const OURS = { alpha: 3, disjointPaths: 3 }
const CLOSEST = 20
const LOOKUPS = 100
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

const { values } = parseArgs({
  options: { sizes: { type: 'string', default: '100,1000' }, write: { type: 'boolean', default: false } },
})
const sizes = values.sizes.split(',').map(Number)
const random = new SeededRandom(1)
const atRest: Figures[] = []
const underChurn: Figures[] = []

for (const size of sizes) {
  const heapBefore = heapBytes()
  const network = new StubbedNetwork()
  const nodes: StubbedNode[] = []
  while (nodes.length < size) {
    const joining = Math.min(nodes.length === 0 ? 1 : JOIN_AT_ONCE, size - nodes.length)
    const first = nodes.length
    const joined = Array.from({ length: joining }, (_, index) => {
      const through = nodes[random.integer(Math.max(1, first))]
      return StubbedNode.join(network, { number: first + index, ...OURS, through })
    })
    nodes.push(...(await Promise.all(joined)))
    if (nodes.length % 500 === 0) console.error(`${nodes.length} of ${size} have joined`)
  }
  const facts = {
    heapKibPerNode: (heapBytes() - heapBefore) / size / 1024,
    joinMessagesPerNode: network.messages / size,
  }
  atRest.push({ ...(await lookUp(network, nodes)), ...facts })
  const leaving = nodes.splice(0, Math.round(size * LEAVING))
  for (const node of leaving) await node.leave()
  underChurn.push({ ...(await lookUp(network, nodes)), ...facts })
  for (const node of nodes) await node.leave()
}

const machine = machineLine(describeMachine())
print('At rest', atRest)
print(`After ${LEAVING * 100} % left without a word`, underChurn)
console.log(`\n${machine}`)
if (values.write) {
  writeFileSync(
    new URL('lookups.json', import.meta.url),
    `${JSON.stringify({ machine, atRest, underChurn }, undefined, 2)}\n`,
  )
  const line = (name: string, figures: readonly Figures[]) => ({
    name,
    points: figures.map(({ nodes, messages }) => [nodes, messages] as const),
  })
  const lines = [line('at rest', atRest), line('a tenth has left', underChurn)]
  const titles = { title: 'Messages of one look-up', x: 'nodes (logarithmic)', y: 'messages, median' }
  writeFileSync(new URL('lookups.svg', import.meta.url), drawLines(lines, { ...titles, logarithmic: true }))
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
    const key = Buffer.concat([Buffer.from([0x12, 0x20]), random.bytes(32)])
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

function pointOf(key: Uint8Array): Uint8Array {
  return hash('sha256', key, 'buffer')
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
