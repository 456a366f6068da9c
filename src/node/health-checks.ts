import type { SubsystemHealth } from './health.ts'
import type { Services } from './services.ts'

/** Words of `NodeState.degraded` that are about the disk; the others are named by their own part. */
const DISK_WORDS: readonly string[] = ['disk-nearly-full', 'disk-unreadable', 'chunks-unreadable']

/** Has `status` ask every part that is always there; Discord and other outside parts tell by themselves. */
export function addHealthChecks(services: Services): void {
  const { health, index, network, community, state, records, content, breakers, config } = services
  health.ask('index', () => {
    index.get('SELECT 1 AS one')
    return { state: 'ok' }
  })
  health.ask('disk', async () => {
    const words = (await state.degraded()).filter((word) => DISK_WORDS.includes(word))
    if (words.length === 0) return { state: 'ok' }
    return { state: words.includes('disk-unreadable') ? 'down' : 'degraded', error: words.join(', ') }
  })
  health.ask('network', () => networkHealth(network.addresses().length, community, network))
  health.ask('records', () =>
    records.space === undefined ? { state: 'down', error: 'the node is in no space' } : { state: 'ok' },
  )
  health.ask('repair', () => {
    const { belowTarget, unreadable } = content.durabilitySummary()
    if (unreadable > 0) return { state: 'down', error: `${unreadable} things cannot be read now` }
    // Alone nobody can hold more copies; `setup` says what to do about that.
    if (belowTarget === 0 || community.members().length === 0) return { state: 'ok' }
    return { state: 'degraded', error: `${belowTarget} things have fewer copies than they should` }
  })
  // Named with its driver, so that everybody sees where their commands are noted.
  health.ask(`history (${config.historyDriver})`, () =>
    (breakers.states()[config.historyDriver] ?? 'closed') === 'closed'
      ? { state: 'ok' }
      : { state: 'degraded', error: 'it does not answer; commands go on and are not noted' },
  )
  health.ask('outside services', () => {
    const open = Object.entries(breakers.states()).flatMap(([name, at]) => (at === 'closed' ? [] : [name]))
    return open.length === 0
      ? { state: 'ok' }
      : { state: 'degraded', error: `not answering: ${open.join(', ')}` }
  })
}

function networkHealth(
  addresses: number,
  community: Services['community'],
  network: Services['network'],
): SubsystemHealth {
  if (addresses === 0) return { state: 'down', error: 'it does not listen' }
  const others = community.members()
  if (others.length === 0 || others.some(({ peer }) => network.isConnected(peer))) return { state: 'ok' }
  return { state: 'degraded', error: `none of ${others.length} other members is connected` }
}
