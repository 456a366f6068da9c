/**
 * Fifty whole nodes with real libp2p hosts on one machine: they find each other through one address, form a mesh in
 * which every member knows all others, and a file of one reaches all of them by every other's way.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../../src/commands/ask.suite.ts'
import type { Node } from '../../src/node/create-node.ts'
import { TestNodes } from '../../src/node/start-nodes.suite.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const NODES = 50
/** Two cores carry fifty starts, their handshakes and their gossip. */
const LIMIT = { timeout: 600_000 }
const TOGETHER_MS = 240_000

test('fifty real nodes form one mesh, and what one shares each of them reads [K-66]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const settings = { gossipIntervalMs: 5_000, copies: 3, wsPort: -1, dht: false, auditsPerHour: 0 }
  const first = await nodes.start(settings)
  const bootstrap = first.services.network.addresses()[0]
  const others: Node[] = []
  while (others.length < NODES - 1) {
    const batch = Array.from({ length: Math.min(7, NODES - 1 - others.length) }, () =>
      nodes.start({ ...settings, bootstrap }),
    )
    others.push(...(await Promise.all(batch)))
  }
  const all = [first, ...others]
  await waitUntil('everybody knows everybody', TOGETHER_MS, () =>
    all.every(({ services }) => services.membership.members().length === NODES),
  )
  const degrees = all.map(({ services }) => services.network.connectedPeers().length)
  assert.ok(Math.min(...degrees) >= 3, `each has several ways: ${degrees.join(' ')}`)
  const text = 'an acorn for everyone '.repeat(2_000)
  const { id } = await ask(first, 'share', { text, copies: 3 })
  await first.stop()
  for (const node of others.filter((_, place) => place % 6 === 0)) {
    await waitUntil('it is on the list', 60_000, async () => {
      const { files } = await ask(node, 'list')
      return files.some((file: { id: string }) => file.id === id)
    })
    const found = await node.services.content.retrieve(id, { timeoutMs: 60_000 })
    assert.ok(found.kind === 'file')
    const bytes: Uint8Array[] = []
    for await (const piece of found.bytes) bytes.push(Uint8Array.from(piece))
    assert.equal(Buffer.concat(bytes).toString(), text)
  }
})
