/** A node listens for WebSocket too without being asked, and one that is known only by that address is reached. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import type { KizunaProcess } from '../fixtures/kizuna-process.ts'
import { NodeGroup } from '../fixtures/node-group.ts'
import { sha256OfFile, writeSampleFile } from '../fixtures/sample-file.ts'

const WEBSOCKET = /\/tcp\/(\d+)\/ws\/p2p\//

let group: NodeGroup
before(() => {
  group = new NodeGroup()
})
after(() => group[Symbol.asyncDispose]())

test('a node known only by its WebSocket address is joined, and a file comes from it', async () => {
  const oak = await group.start('oak')
  const address = oak.ready.addresses.find((one) => WEBSOCKET.test(one)) ?? ''
  assert.match(address, WEBSOCKET)
  assert.doesNotMatch(oak.ready.addresses[0] ?? '', WEBSOCKET, 'plain TCP is named first')
  const ash = await group.start('ash', ['--bootstrap', address])
  await group.together(oak, ash)
  const { peers } = (await ash.call('peers')) as { peers: { peer: string; address: string }[] }
  assert.match(peers.find(({ peer }) => peer === oak.peerId)?.address ?? '', /\/ws/)
  const file = group.path('file.bin')
  const sha256 = await writeSampleFile(file, 2 ** 20, 21)
  const shared = await oak.json('share', file, '--copies', '1')
  const output = group.path('again.bin')
  await ash.json('get', String(shared.id), '--output', output)
  assert.equal(await sha256OfFile(output), sha256)
})

test('it is on the port after that of TCP, also after a restart, and elsewhere when that is taken', async () => {
  const port = await twoFreePorts()
  let elm = await group.start('elm', ['--port', String(port)])
  assert.equal(webSocketPort(elm), port + 1)
  await elm.stop()
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(port + 1, '127.0.0.1', resolve))
  elm = await group.start('elm', ['--port', String(port)])
  assert.ok((webSocketPort(elm) ?? 0) > 0 && webSocketPort(elm) !== port + 1)
  await elm.stop()
  await new Promise((resolve) => other.close(resolve))
  elm = await group.start('elm', ['--port', String(port), '--ws-port=-1'])
  assert.equal(webSocketPort(elm), undefined, 'it can be turned off')
  await elm.stop()
})

function webSocketPort(node: KizunaProcess): number | undefined {
  const found = node.ready.addresses.flatMap((address) => WEBSOCKET.exec(address)?.[1] ?? [])[0]
  return found === undefined ? undefined : Number(found)
}

/** A port that is free, as is the one after it. */
async function twoFreePorts(): Promise<number> {
  for (;;) {
    const first = createServer()
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve))
    const { port } = first.address() as { port: number }
    const second = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      second.once('error', () => resolve(false))
      second.listen(port + 1, '127.0.0.1', () => resolve(true))
    })
    await new Promise((resolve) => first.close(resolve))
    if (isFree) await new Promise((resolve) => second.close(resolve))
    if (isFree) return port
  }
}
