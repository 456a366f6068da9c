import { z } from 'zod'
import { formatBytes } from '../core/format-bytes.ts'
import type { Services } from '../node/services.ts'
import { defineCommand } from './command.ts'

/** One thing to set up. */
interface SetupStep {
  name: string
  done: boolean
  /** How it is now, in words. */
  now: string
  /** The same for programs, named as `status` and the settings name it; sizes in bytes. */
  facts: Readonly<Record<string, string | number | readonly string[]>>
  /** What to do when it is not as wanted. */
  how: string
}

/** What is set up and what is left. On Discord a wizard goes with it. */
export const setup = defineCommand({
  name: 'setup',
  summary: 'Show what is set up on this node and what is left to do',
  description:
    'The first run makes the data folder, the node’s key and its database; every run says what is still worth setting. It changes nothing that was set.\n\nExample: kizuna setup',
  permission: 'steward',
  cost: 'light',
  input: z.strictObject({}),
  positional: [],
  timeoutMs: 10_000,
  async run(services) {
    const steps = stepsOf(services)
    return {
      home: services.config.home,
      peerId: services.network.peerId,
      steps,
      left: steps.filter(({ done }) => !done).length,
    }
  },
})

function stepsOf({ config, membership, community, network }: Services): SetupStep[] {
  const space = membership.space()
  const others = community.members().length
  return [
    {
      name: 'label',
      done: config.label !== '',
      now: config.label === '' ? 'none' : config.label,
      facts: { label: config.label },
      how: 'kizuna config set label attic',
    },
    {
      name: 'admission',
      done: space.admission === 'invite',
      now: space.admission === 'invite' ? 'by invite only' : 'open to whoever reaches a member',
      facts: { admission: space.admission },
      how: 'kizuna config set admission invite',
    },
    {
      name: 'members',
      done: others + 1 >= config.copies,
      now: `${others + 1} of the ${config.copies} that ${config.copies} copies need`,
      facts: { members: others + 1, copies: config.copies },
      how: 'kizuna invite, and kizuna join on the other machine',
    },
    {
      name: 'storage for others',
      done: config.storageForOthersBytesMax > 0,
      now: formatBytes(config.storageForOthersBytesMax),
      facts: { storageForOthersBytesMax: config.storageForOthersBytesMax },
      how: 'kizuna config set storageForOthersBytesMax 50GiB',
    },
    {
      name: 'reachable',
      done: network.addresses().length > 0,
      now: network.addresses()[0] ?? 'not listening',
      facts: { addresses: network.addresses() },
      how: 'kizuna doctor',
    },
  ]
}
