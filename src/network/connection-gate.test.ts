import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection, MultiaddrConnection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { ConnectionGate, HANDSHAKES_PER_NETWORK_MAX } from './connection-gate.ts'

function incoming(address: string): MultiaddrConnection {
  return Object.assign(new EventTarget(), {
    remoteAddr: multiaddr(address),
  }) as unknown as MultiaddrConnection
}

async function isDenied(gate: ConnectionGate, connection: MultiaddrConnection): Promise<boolean> {
  return (await gate.gater.denyInboundConnection?.(connection)) === true
}

test('silent connections of one network leave places for the others [R-05]', async () => {
  const gate = new ConnectionGate(300)
  const silent: MultiaddrConnection[] = []
  for (let index = 0; index < HANDSHAKES_PER_NETWORK_MAX; index++) {
    const connection = incoming(`/ip4/203.0.113.${index}/tcp/4001`)
    assert.equal(await isDenied(gate, connection), false)
    silent.push(connection)
  }
  assert.equal(await isDenied(gate, incoming('/ip4/203.0.113.200/tcp/4001')), true)
  assert.equal(await isDenied(gate, incoming('/ip4/198.51.100.1/tcp/4001')), false)
  silent[0]?.dispatchEvent(new Event('close'))
  assert.equal(await isDenied(gate, incoming('/ip4/203.0.113.201/tcp/4001')), false)
  await gate.gater.denyInboundUpgradedConnection?.({} as never, silent[1] as MultiaddrConnection)
  assert.equal(await isDenied(gate, incoming('/ip4/203.0.113.202/tcp/4001')), false)
  assert.equal(await isDenied(gate, incoming('/memory/7')), false)
})

test('the hard limit counts those that are just opening', async () => {
  const gate = new ConnectionGate(2)
  const open = { status: 'open' } as Connection
  assert.equal(await gate.gater.denyOutboundUpgradedConnection?.({} as never, {} as never), false)
  gate.opened(open)
  assert.equal(gate.isFull, false)
  assert.equal(await gate.gater.denyOutboundUpgradedConnection?.({} as never, {} as never), false)
  assert.equal(await gate.gater.denyOutboundUpgradedConnection?.({} as never, {} as never), true)
  gate.closed(open)
  assert.equal(gate.isFull, false)
  gate.opened({ status: 'closed' } as Connection)
  assert.equal(await gate.gater.denyDialMultiaddr?.(multiaddr('/ip4/127.0.0.1/tcp/1')), false)
})
