import type { Caller, Permission } from '../../commands/command.ts'
import type { GuildSettings } from './guilds/guild-settings.ts'

/** Permission bits of Discord. */
const ADMINISTRATOR = 1n << 3n
const MANAGE_GUILD = 1n << 5n

/** Who asks, where, and what Discord says about both: plain data, whatever way it came. */
export interface Ask {
  user: string
  userName: string
  /** The server, when the bot is a member of it: elsewhere its roles and managers mean nothing to us. */
  guild: string | undefined
  channel: string | undefined
  /** The asker's roles in `guild`. */
  roles: readonly string[]
  /** What the asker may do in the channel, as Discord's bits. */
  permissions: bigint
  /** What the bot may do in the channel. */
  botPermissions: bigint
  /** Of the person's client, or of the server. */
  locale: string
  /** The largest file that Discord takes in an answer here. */
  attachmentBytesMax: number
}

/** What decides who may do what. */
export interface Standing {
  settings: GuildSettings
  /** The application's owner and team: they own the node. */
  owners: ReadonlySet<string>
  /** Whether the server's members and managers count as such. */
  counts: boolean
  /** Whether the person was a member in one of them lately. */
  isKnownMember: (person: string) => boolean
}

/** How a person is called in the whole of Kizuna. */
export function personOf(user: string): string {
  return `discord:${user}`
}

/** The caller that a command sees. */
export function callerOf(ask: Ask, standing: Standing): Caller {
  return {
    id: personOf(ask.user),
    permission: permissionOf(ask, standing),
    group: `discord:${ask.guild ?? 'direct'}`,
    locale: ask.locale,
  }
}

/** What somebody may do: by owning the application, by Discord's rights, by the roles that `/setup` names. */
export function permissionOf(ask: Ask, { settings, owners, counts, isKnownMember }: Standing): Permission {
  if (owners.has(ask.user)) return 'owner'
  const { guild, permissions, roles } = ask
  if (guild === undefined) return isKnownMember(personOf(ask.user)) ? 'member' : 'anyone'
  if (!counts) return 'anyone'
  const manages = (permissions & (ADMINISTRATOR | MANAGE_GUILD)) !== 0n
  if (manages || settings.stewardRoles.some((role) => roles.includes(role))) return 'steward'
  const isMember =
    settings.memberRoles.length === 0 || settings.memberRoles.some((role) => roles.includes(role))
  return isMember ? 'member' : 'anyone'
}
