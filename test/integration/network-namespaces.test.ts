/**
 * What only shows between machines: neighbours on one LAN find each other by multicast; two homes behind routers
 * that let nothing in reach each other through a relay, use a direct way when there is one, survive the loss of a
 * relay, and a silent cut is noticed and mended. Each host is a process in a network namespace.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NetworkAgents } from '../fixtures/network-agents.ts'
import { NetworkLab, networkLabRefusal } from '../fixtures/network-lab.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const refusal = networkLabRefusal()
const options = { timeout: 240_000, ...(refusal === undefined ? {} : { skip: `NOT TESTED: ${refusal}` }) }

test(
  'two nodes with empty settings on one LAN find each other within 5 s, others do not [K-22]',
  options,
  async () => {
    using lab = new NetworkLab('kzlan')
    await using agents = new NetworkAgents()
    const home = lab.home('h', '13.0.0.1')
    const a = await agents.start(home.host('a'))
    const stranger = await agents.start(home.host('x'), { mdnsServiceTag: '_other._udp.local' })
    const b = await agents.start(home.host('b'))
    const began = performance.now()
    await waitUntil('a and b are connected', 10_000, async () => {
      const seen = (await Promise.all([a.peers(), b.peers()])).map((peers) =>
        peers.map(({ peer }) => String(peer)),
      )
      return seen[0]?.includes(b.peerId) && seen[1]?.includes(a.peerId)
    })
    assert.ok(performance.now() - began < 5_000, 'it took too long')
    const [found] = await a.peers()
    assert.equal(found?.path, 'direct')
    assert.match(found?.address ?? '', /^\/ip4\/192\.168\./)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    assert.deepEqual(await stranger.peers(), [])
    const known = await stranger.call<unknown[]>('remembered')
    assert.deepEqual(known, [])
  },
)

test(
  'two homes that let nothing in reach each other through a relay, and go on through another when it dies [B-66]',
  options,
  async () => {
    using lab = new NetworkLab('kznat')
    await using agents = new NetworkAgents()
    const listening = { port: 4001, mdns: false }
    const [r1, r2] = [lab.publicHost('r1', '11.0.0.1'), lab.publicHost('r2', '12.0.0.1')]
    const [seed1, seed2] = ['01'.repeat(32), '02'.repeat(32)]
    const relays = [await agents.start(r1, listening, seed1), await agents.start(r2, listening, seed2)]
    const bootstrap = ['11.0.0.1:4001', '12.0.0.1:4001']
    const a = await agents.start(lab.home('h1', '13.0.0.1').host('a'), { ...listening, bootstrap })
    const b = await agents.start(lab.home('h2', '14.0.0.1').host('b'), { ...listening, bootstrap })
    for (const agent of [a, b]) {
      await waitUntil(`${agent.host.name} can be reached through both relays`, 30_000, async () => {
        return relaysOf(await agent.addresses()).size === 2
      })
      const announced = (await agent.addresses()).filter((address) => address.includes('/p2p-circuit'))
      assert.ok(
        announced.every((address) => /^\/ip4\/1[12]\.0\.0\.1\//.test(address)),
        announced.join(' '),
      )
    }
    // The names of peers are enough: the DHT, the peer exchange or a relay says where they are.
    assert.equal(await a.call('connect', { target: b.peerId }), b.peerId)
    const way = (await a.peers()).find(({ peer }) => peer === b.peerId)
    assert.equal(way?.path, 'relayed')
    // Far more than the 128 KiB after which a stock relay cuts.
    assert.deepEqual(await a.pull(b.peerId, 0, 200), { received: 200 })

    const inUse = relays.find(({ peerId }) => way?.address.includes(peerId))
    const total = 1_500
    const pulling = a.pull(b.peerId, 0, total)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await inUse?.kill()
    let received = (await pulling).received
    // As a download does, it goes on where it stopped, over whatever way is left.
    for (let attempt = 0; received < total && attempt < 10; attempt++) {
      received += (await a.pull(b.peerId, received, total - received)).received
    }
    assert.equal(received, total)

    // The relay comes back at its address: both have their second way again.
    await (inUse === relays[1] ? agents.start(r2, listening, seed2) : agents.start(r1, listening, seed1))
    for (const agent of [a, b]) {
      await waitUntil(`${agent.host.name} has two relays again`, 60_000, async () => {
        return relaysOf(await agent.addresses()).size === 2
      })
    }
  },
)

test(
  'a cut cable is noticed in 20 s, and the connection is back in 20 s after it is mended',
  options,
  async () => {
    using lab = new NetworkLab('kzcut')
    await using agents = new NetworkAgents()
    const host = lab.publicHost('b', '12.0.0.1')
    const listening = { port: 4001, mdns: false }
    const a = await agents.start(lab.publicHost('a', '11.0.0.1'), listening)
    const b = await agents.start(host, { ...listening, bootstrap: ['11.0.0.1:4001'] })
    const connected = async () => (await a.peers()).length === 1 && (await b.peers()).length === 1
    await waitUntil('both are connected', 10_000, connected)
    lab.cut(host)
    await waitUntil('the cut is noticed', 20_000, async () => {
      return (await a.peers()).length === 0 && (await b.peers()).length === 0
    })
    lab.mend(host)
    await waitUntil('both are connected again', 20_000, connected)
  },
)

function relaysOf(addresses: readonly string[]): Set<string> {
  return new Set(addresses.flatMap((address) => /\/p2p\/(\w+)\/p2p-circuit/.exec(address)?.[1] ?? []))
}
