import { type Client, type Guild, type GuildBasedChannel, PermissionFlagsBits } from 'discord.js'
import { archiveIdOf } from './discord-ids.ts'

const { Administrator, ManageThreads, ViewChannel } = PermissionFlagsBits

/** Somebody in a server: their id and their roles there. */
export interface SeeingMember {
  user: string
  roles: readonly string[]
}

/**
 * The channels of a server that a member may see, with the private threads they are in, in the archive's form: what
 * `Caller.channels` takes. Undefined when the server is not known; then only what everybody may read is shown.
 */
export function channelsSeenBy(
  client: Client<true>,
  guildId: string,
  member: SeeingMember,
): string[] | undefined {
  const guild = client.guilds.cache.get(guildId)
  if (guild === undefined) return undefined
  return [...guild.channels.cache.values()]
    .filter((channel) => maySee(guild, channel, member))
    .map(({ id }) => archiveIdOf(id))
}

function maySee(guild: Guild, channel: GuildBasedChannel, member: SeeingMember): boolean {
  if (!channel.isThread()) return (permissionsIn(guild, channel, member) & ViewChannel) !== 0n
  const parent = channel.parentId === null ? undefined : guild.channels.cache.get(channel.parentId)
  if (parent === undefined || parent.isThread()) return false
  const permissions = permissionsIn(guild, parent, member)
  if ((permissions & ViewChannel) === 0n) return false
  return channel.type !== 12 || channel.members.cache.has(member.user) || (permissions & ManageThreads) !== 0n
}

/** In Discord's order: base, the overwrite of everyone, those of the roles together, the member's own. */
function permissionsIn(
  guild: Guild,
  channel: Exclude<GuildBasedChannel, { isThread(): true }>,
  member: SeeingMember,
): bigint {
  const everything = PermissionFlagsBits.Administrator | ViewChannel | ManageThreads
  if (guild.ownerId === member.user) return everything
  let permissions = guild.roles.everyone.permissions.bitfield
  for (const role of member.roles) permissions |= guild.roles.cache.get(role)?.permissions.bitfield ?? 0n
  if ((permissions & Administrator) !== 0n) return everything
  if (!('permissionOverwrites' in channel)) return permissions
  const overwrites = channel.permissionOverwrites.cache
  const apply = (allow: bigint, deny: bigint) => {
    permissions = (permissions & ~deny) | allow
  }
  const ofEveryone = overwrites.get(guild.id)
  if (ofEveryone !== undefined) apply(ofEveryone.allow.bitfield, ofEveryone.deny.bitfield)
  const ofRoles = member.roles.flatMap((role) => overwrites.get(role) ?? [])
  apply(
    ofRoles.reduce((bits, { allow }) => bits | allow.bitfield, 0n),
    ofRoles.reduce((bits, { deny }) => bits | deny.bitfield, 0n),
  )
  const own = overwrites.get(member.user)
  if (own !== undefined) apply(own.allow.bitfield, own.deny.bitfield)
  return permissions
}
