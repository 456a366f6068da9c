import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../core/virtual-clock.ts'
import { dialFirst, type Transports } from './dialler.ts'

const RELAY = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const DIRECT = '/ip4/11.0.0.1/tcp/1'
const LAN = '/ip4/192.168.7.7/tcp/1'
const RELAYED = `/ip4/12.0.0.1/tcp/1/p2p/${RELAY}/p2p-circuit`

test('dead addresses cost a quarter of a second each, not a time-out [B-66]', async () => {
  const world = makeWorld({ [DIRECT]: 'silent', [LAN]: 'silent', [RELAYED]: 20 })
  const dial = world.dial([RELAYED, LAN, DIRECT])
  await world.clock.advance(1_000)
  assert.equal((await dial).id, RELAYED)
  assert.deepEqual(world.tried, [DIRECT, LAN, RELAYED])
  assert.deepEqual(world.aborted.toSorted(), [DIRECT, LAN].toSorted())
})

test('a direct way wins over a faster one through a relay', async () => {
  const world = makeWorld({ [DIRECT]: 400, [RELAYED]: 1 })
  const dial = world.dial([RELAYED, DIRECT])
  await world.clock.advance(2_000)
  assert.equal((await dial).id, DIRECT)
})

test('an address that fails at once makes way for the next at once', async () => {
  const world = makeWorld({ [DIRECT]: 'refused', [LAN]: 'refused', [RELAYED]: 10 })
  const dial = world.dial([RELAYED, LAN, DIRECT])
  await world.clock.advance(20)
  assert.equal((await dial).id, RELAYED)
})

test('fails with every reason when no address works, and when there is none', async () => {
  const world = makeWorld({ [DIRECT]: 'refused', [LAN]: 'silent' })
  const dial = world.dial([LAN, DIRECT])
  dial.catch(() => {})
  await world.clock.advance(10_000)
  await assert.rejects(dial, (error) => error instanceof AggregateError && error.errors.length === 2)
  await assert.rejects(world.dial([]), AggregateError)
})

test('stops all attempts when told to, and does not touch the connection that won', async () => {
  const world = makeWorld({ [DIRECT]: 'silent' })
  const control = new AbortController()
  const dial = world.dial([DIRECT], control.signal)
  dial.catch(() => {})
  await world.clock.advance(100)
  control.abort(new Error('left'))
  await assert.rejects(dial, /left/)
  assert.deepEqual(world.aborted, [DIRECT])

  const won = makeWorld({ [DIRECT]: 1 })
  const winning = won.dial([DIRECT])
  await won.clock.advance(10)
  await winning
  await won.clock.advance(60_000)
  assert.deepEqual(won.aborted, [])
})

function makeWorld(behaviour: Record<string, number | 'silent' | 'refused'>) {
  const clock = new VirtualClock()
  const tried: string[] = []
  const aborted: string[] = []
  const transports: Transports = {
    dial(address: Multiaddr, { signal }) {
      const text = address.toString()
      tried.push(text)
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(text)
          reject(signal.reason)
        })
        const does = behaviour[text]
        if (does === 'refused') reject(new Error('refused'))
        else if (typeof does === 'number') clock.after(does, () => resolve({ id: text } as Connection))
      })
    },
  }
  return {
    clock,
    tried,
    aborted,
    dial: (addresses: string[], signal = new AbortController().signal) =>
      dialFirst(
        { transports, clock },
        addresses.map((text) => multiaddr(text)),
        signal,
      ),
  }
}
