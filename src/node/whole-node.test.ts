/** A node as a program uses it: store, retrieve, peers and events, over the DDS protocol. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { TestNodes } from './start-nodes.suite.ts'

test('a program stores on one node, retrieves on another, sees peers and hears of them come and go [A-51]', {
  timeout: 60_000,
}, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.start(), await nodes.start()]
  const heard: string[] = []
  const silence = a.services.network.onPeer(({ kind, peer }) => {
    if (peer === b.services.network.peerId) heard.push(kind)
  })
  await nodes.join(a, b)
  const peers = a.services.network.connectedPeers().map(({ peer }) => peer)
  assert.deepEqual(peers, [b.services.network.peerId])
  const text = Buffer.from('acorn')
  const { id } = await a.services.content.publish(Readable.from([text]), {
    copies: 2,
    acknowledge: 'replicated',
  })
  const found = await b.services.content.retrieve(id, { timeoutMs: 30_000 })
  assert.ok(found.kind === 'file')
  const read: Uint8Array[] = []
  for await (const piece of found.bytes) read.push(Uint8Array.from(piece))
  assert.deepEqual(Buffer.concat(read), text)
  const gone = new Promise<void>((resolve) => {
    a.services.network.onPeer(({ peer, kind }) => {
      if (peer === b.services.network.peerId && kind === 'disconnected') resolve()
    })
  })
  await b.stop()
  await gone
  silence()
  assert.equal(heard[0], 'connected')
  assert.equal(heard.at(-1), 'disconnected')
})
