import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Logger, silentLogger } from '../core/log.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { lateUpnp } from './late-upnp.ts'

/** With no host behind it, the library's own constructor fails: a mapping that cannot be had. */
const NO_HOST = {} as Parameters<ReturnType<typeof lateUpnp>>[0]

test('a router is looked for when the node runs already, and one that cannot be had is only noted', async () => {
  const clock = new VirtualClock()
  const { promise: noted, resolve } = Promise.withResolvers<string>()
  const log: Logger = { ...silentLogger, debug: (event) => resolve(event) }
  const upnp = lateUpnp({ clock, log })(NO_HOST)
  await upnp.start()
  await clock.advance(1_000)
  assert.equal(await noted, 'no port mapping')
  await upnp.stop()
})

test('stopped before that, it loads nothing and ends at once', async () => {
  const clock = new VirtualClock()
  const events: string[] = []
  const upnp = lateUpnp({ clock, log: { ...silentLogger, debug: (event) => events.push(event) } })(NO_HOST)
  await upnp.start()
  await upnp.stop()
  await clock.advance(10_000)
  assert.deepEqual(events, [])
})
