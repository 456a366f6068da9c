import { ChannelType, type Client, type GuildBasedChannel, PermissionFlagsBits } from 'discord.js'
import type { ObservedChannel } from '../../../archive/archived-message.ts'
import { ChannelUnreadableError } from '../../../archive/errors.ts'
import { archiveIdOf, snowflakeOf } from './discord-ids.ts'

const NEEDED = PermissionFlagsBits.ViewChannel | PermissionFlagsBits.ReadMessageHistory
/** Where people write, or where threads are in which they do. */
const KEPT_TYPES: readonly ChannelType[] = [
  ChannelType.GuildText,
  ChannelType.GuildAnnouncement,
  ChannelType.GuildVoice,
  ChannelType.GuildStageVoice,
  ChannelType.GuildForum,
  ChannelType.GuildMedia,
  ChannelType.PublicThread,
  ChannelType.PrivateThread,
  ChannelType.AnnouncementThread,
]

/** Those that have threads and no messages of their own. */
export function hasOnlyThreads(channel: GuildBasedChannel): boolean {
  return channel.type === ChannelType.GuildForum || channel.type === ChannelType.GuildMedia
}

/**
 * A channel of a server, when the bot may read it and its past. Discord answers with nothing, not with a refusal, where
 * only the past may not be read: so this is asked before every page.
 * @throws ChannelUnreadableError
 */
export function readableChannel(client: Client<true>, id: string): GuildBasedChannel {
  const channel = client.channels.cache.get(snowflakeOf(id))
  if (channel === undefined || channel.isDMBased())
    throw new ChannelUnreadableError({
      channel: id,
      reason: 'it is not there, or the bot is not in its server',
    })
  if (!KEPT_TYPES.includes(channel.type))
    throw new ChannelUnreadableError({ channel: id, reason: 'nobody writes in channels of its type' })
  const permissions = channel.permissionsFor(client.user)
  if (permissions === null || !permissions.has(PermissionFlagsBits.ViewChannel))
    throw new ChannelUnreadableError({ channel: id, reason: 'the bot may not see it' })
  if (!permissions.has(NEEDED))
    throw new ChannelUnreadableError({ channel: id, reason: 'the bot may not read what was said before' })
  return channel
}

/** How the archive is told of a channel. */
export function describeChannel(channel: GuildBasedChannel): ObservedChannel {
  const facts = { id: archiveIdOf(channel.id), name: channel.name, group: archiveIdOf(channel.guildId) }
  if (channel.isThread()) {
    return {
      ...facts,
      parent: archiveIdOf(channel.parentId ?? ''),
      isOpen: channel.type !== ChannelType.PrivateThread,
    }
  }
  const everyone = channel.permissionsFor(channel.guild.roles.everyone)
  return { ...facts, isOpen: everyone.has(PermissionFlagsBits.ViewChannel) }
}
