import { PermissionFlagsBits } from 'discord.js'
import { safeText } from './answers/safe-text.ts'
import type { Ask } from './ask.ts'
import type { BotParts } from './bot-parts.ts'
import type { PlaceFinding } from './views/node-views.ts'
import type { Say } from './words/say.ts'

/** What the bot needs in a channel to answer in every form. The invite link asks for the same. */
export const NEEDED_PERMISSIONS = [
  'ViewChannel',
  'SendMessages',
  'SendMessagesInThreads',
  'EmbedLinks',
  'AttachFiles',
  'ReadMessageHistory',
] as const satisfies readonly (keyof typeof PermissionFlagsBits)[]

/** A server's roles, as far as they matter to the bot. */
export interface GuildRoles {
  /** The highest of the bot's own. */
  bot: { name: string; position: number }
  roles: ReadonlyMap<string, { name: string; position: number }>
}

/** What is missing in the place where somebody asks. */
export function placeFindings(parts: BotParts, ask: Ask, say: Say): PlaceFinding[] {
  const intent: PlaceFinding = parts.readsMessages()
    ? { step: say('doctor.intent'), outcome: 'ok', text: say('doctor.intentOk') }
    : { step: say('doctor.intent'), outcome: 'skipped', text: say('doctor.intentMissing') }
  if (ask.guild === undefined) return [intent]
  return [permissionFinding(parts, ask, say), ...roleFindings(parts, ask.guild, say), intent]
}

function permissionFinding(parts: BotParts, ask: Ask, say: Say): PlaceFinding {
  const missing =
    (ask.botPermissions & PermissionFlagsBits.Administrator) !== 0n
      ? []
      : NEEDED_PERMISSIONS.filter((name) => (ask.botPermissions & PermissionFlagsBits[name]) === 0n)
  const role = parts.rolesOf(ask.guild ?? '')?.bot.name ?? parts.identity().userName
  return missing.length === 0
    ? { step: say('doctor.permissions'), outcome: 'ok', text: say('doctor.permissionsOk') }
    : {
        step: say('doctor.permissions'),
        outcome: 'failed',
        text: say('doctor.permissionsMissing', {
          names: missing.map((name) => name.replaceAll(/(?<=[a-z])[A-Z]/g, ' $&')).join(', '),
          role: safeText(role, 60),
        }),
      }
}

/** Roles named in the setup that stand above the bot's, or are gone. */
function roleFindings(parts: BotParts, guild: string, say: Say): PlaceFinding[] {
  const known = parts.rolesOf(guild)
  if (known === undefined) return []
  const { memberRoles, stewardRoles } = parts.guilds.of(guild)
  const named = [...new Set([...memberRoles, ...stewardRoles])]
  const gone = named.filter((id) => !known.roles.has(id))
  const above = named.flatMap((id) => {
    const role = known.roles.get(id)
    return role !== undefined && role.position >= known.bot.position ? [role.name] : []
  })
  const step = say('doctor.role')
  return [
    above.length === 0
      ? { step, outcome: 'ok' as const, text: say('doctor.roleOk') }
      : {
          step,
          outcome: 'failed' as const,
          text: say('doctor.roleLow', {
            role: safeText(known.bot.name, 60),
            above: above.map((name) => safeText(name, 60)).join(', '),
          }),
        },
    ...(gone.length === 0
      ? []
      : [{ step, outcome: 'failed' as const, text: say('doctor.rolesGone', { count: gone.length }) }]),
  ]
}
