import { z } from 'zod'
import { InvalidInputError } from '../core/errors.ts'
import type { Setting } from '../node/configuration.ts'
import type { Services } from '../node/services.ts'
import { defineCommand } from './command.ts'

const actions = {
  list: { summary: 'Show every setting with its meaning', fields: [] },
  get: { summary: 'Show one setting', fields: ['key'] },
  set: { summary: 'Store a setting', fields: ['key', 'value'], changes: true },
  unset: { summary: 'Go back to the default', fields: ['key'], changes: true },
} as const

/** Read and change settings. */
export const config = defineCommand({
  name: 'config',
  summary: 'Show or change the settings',
  description:
    'Without words it lists every setting with its meaning. `get KEY` shows one, `set KEY VALUE` stores one, `unset KEY` goes back to the default. Bandwidth limits and the admission of your space take effect at once, the others at the next start.\n\nExample: kizuna config set uploadBytesPerSecondMax 2MB',
  permission: 'owner',
  changes: false,
  cost: 'light',
  input: z.strictObject({
    action: z.enum(['list', 'get', 'set', 'unset']).default('list').describe('What to do'),
    key: z.string().max(64).optional().describe('Name of the setting'),
    value: z.string().max(65_536).optional().describe('New value'),
  }),
  positional: ['action', 'key', 'value'],
  actions,
  timeoutMs: 10_000,
  async run(services: Services, { action, key, value }): Promise<{ settings: Setting[]; inForce: boolean }> {
    const { configuration } = services
    if (action === 'list') return { settings: configuration.list(), inForce: true }
    if (key === undefined) throw missing('KEY', action)
    if (action === 'get') return { settings: [configuration.get(key)], inForce: true }
    if (action === 'set' && value === undefined) throw missing('VALUE', action)
    const { setting, inForce } = await configuration.set(key, action === 'set' ? value : undefined)
    return { settings: [setting], inForce }
  },
})

function missing(word: string, action: string): InvalidInputError {
  return new InvalidInputError({
    what: `\`config ${action}\``,
    reason: `it needs a ${word}`,
    hint: '`kizuna help config` shows how.',
  })
}
