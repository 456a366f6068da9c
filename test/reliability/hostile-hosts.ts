/** The trials of r-04 that run over real hosts on loopback: fewer, and every behaviour of the table in one of them. */
import { hash } from 'node:crypto'
import { DDS_PROTOCOL } from '../../src/content/dds-protocol.ts'
import { sourceOf, type TestNode, TestSpace } from '../../src/content/space-under-test.suite.ts'
import { SystemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/log.ts'
import { createMetrics } from '../../src/core/metrics.ts'
import type { Network } from '../../src/network/network.ts'
import { forgetfulReputationStore, Reputation } from '../../src/network/reputation.ts'
import { LoopbackNetworks } from '../../src/network/start-networks.suite.ts'
import { BEHAVIOURS, type Behaviour, behave } from './hostile-behaviours.ts'
import type { HostileContent } from './hostile-content.ts'

/** Hostile peers of one trial, beside an honest one and the reader. */
const HOSTILE = 6
const TIMEOUT_MS = 20_000

/** Plays every behaviour once; what failed, one line each, and how many trials there were. */
export async function playOnRealHosts(
  content: HostileContent,
  signal: AbortSignal,
): Promise<{ trials: number; failures: string[] }> {
  const failures: string[] = []
  let trials = 0
  for (let first = 0; first < BEHAVIOURS.length; first += HOSTILE) {
    signal.throwIfAborted()
    const behaviours = BEHAVIOURS.slice(first, first + HOSTILE)
    trials++
    const problem = await playOnce(content, behaviours)
    if (problem !== undefined)
      failures.push(`real hosts, ${behaviours.map(({ name }) => name).join(', ')}: ${problem}`)
  }
  return { trials, failures }
}

async function playOnce(
  content: HostileContent,
  behaviours: readonly Behaviour[],
): Promise<string | undefined> {
  await using networks = new LoopbackNetworks()
  const space = new TestSpace()
  const clock = new SystemClock()
  const metrics = createMetrics({ processMetrics: false })
  const reputation = new Reputation({ clock, store: forgetfulReputationStore, log: silentLogger, metrics })
  const nodes: TestNode[] = []
  try {
    for (const behaviour of [undefined, ...behaviours, undefined]) {
      const isReader = nodes.length === behaviours.length + 1
      const real = await networks.create({}, hash('sha256', `node ${nodes.length}`, 'buffer'))
      const network = behaviour === undefined ? real : hostile(real, behaviour, content)
      const options = isReader ? { stores: false, reputation } : { stores: false }
      nodes.push(await space.addNode({ ...options, wrapNetwork: () => network }))
    }
    const [honest] = nodes
    const reader = nodes.at(-1)
    if (honest === undefined || reader === undefined) return 'nobody is there'
    await honest.content.publish(sourceOf(content.whole), { policy: { kind: 'replica', copies: 1 } })
    const { bytes } = await reader.content.retrieve(content.id, { timeoutMs: TIMEOUT_MS })
    const whole = Buffer.concat(await Array.fromAsync(bytes))
    if (!whole.equals(content.whole)) return 'wrong bytes were handed out'
    return reputation.isSuspended(honest.peer) ? 'the honest peer was suspended' : undefined
  } catch (error) {
    return `not complete: ${error}`
  } finally {
    await space.stop()
  }
}

/** A host that answers the content protocol as `behaviour` says, and everything else as it should. */
function hostile(real: Network, behaviour: Behaviour, content: HostileContent): Network {
  const clock = new SystemClock()
  const answer = behave(behaviour, (id) => {
    const bytes = content.chunks.get(id)
    return bytes && { ...content, bytes, isManifest: id === content.id, clock }
  })
  return new Proxy(real, {
    get(target, name) {
      if (name === 'handle') {
        const handle: Network['handle'] = (protocol, handler) =>
          target.handle(protocol, protocol === DDS_PROTOCOL ? answer : handler)
        return handle
      }
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
