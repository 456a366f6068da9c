import {
  type APIInteraction,
  type Client,
  Events,
  GatewayDispatchEvents,
  type Guild,
  type Message,
} from 'discord.js'
import type { Ask } from '../ask.ts'
import type { GuildRoles } from '../doctor-here.ts'
import type { WrittenMessage } from '../messages/answer-message.ts'

const ATTACHMENT_BYTES_DEFAULT = 10 * 1024 ** 2

/** What the bot hears from Discord, as plain data. */
export interface GatewayEvents {
  interaction: (interaction: APIInteraction) => void
  message: (message: WrittenMessage) => void
  /** The bot was added to a server. */
  joined: (guild: JoinedGuild) => void
  /** The bot was removed from a server. */
  left: (guild: string) => void
  /** The connection is gone for good: somebody has to log in again. */
  lost: (reason: string) => void
  /** The connection is being made again, or stands again. */
  connection: (isUp: boolean) => void
}

/** A server that the bot has just been added to. */
export interface JoinedGuild {
  id: string
  locale: string
  /** A channel in which the bot may write. */
  channel: string | undefined
}

/** Listens to a client. Interactions are taken as Discord sends them, so that those that come by HTTP are the same. */
export function listen(client: Client, events: GatewayEvents): void {
  leaveInteractionsAsTheyAre(client)
  client.ws.on(GatewayDispatchEvents.InteractionCreate, (interaction: APIInteraction) =>
    events.interaction(interaction),
  )
  client.on(Events.MessageCreate, (message) => {
    const written = writtenMessage(message)
    if (written !== undefined) events.message(written)
  })
  client.on(Events.GuildCreate, (guild) =>
    events.joined({ id: guild.id, locale: guild.preferredLocale, channel: channelFor(guild) }),
  )
  client.on(Events.GuildDelete, (guild) => events.left(guild.id))
  client.on(Events.ShardDisconnect, ({ code }) => events.lost(`closed with ${code}`))
  client.on(Events.Invalidated, () => events.lost('the session was invalidated'))
  client.on(Events.ShardReconnecting, () => events.connection(false))
  client.on(Events.ShardReady, () => events.connection(true))
  client.on(Events.ShardResume, () => events.connection(true))
}

/**
 * discord.js would make objects of its own of every interaction, for listeners that we do not have: a sixth of what a
 * first answer costs. Where its inside differs from what is expected here, it goes on doing so.
 */
function leaveInteractionsAsTheyAre(client: Client): void {
  const actions = Reflect.get(client, 'actions') as { InteractionCreate?: { handle?: unknown } } | undefined
  if (typeof actions?.InteractionCreate?.handle === 'function') actions.InteractionCreate.handle = () => {}
}

/** A server's roles as the gateway told them; undefined when the server is not known. */
export function rolesOf(client: Client, guildId: string): GuildRoles | undefined {
  const guild = client.guilds.cache.get(guildId)
  const highest = guild?.members.me?.roles.highest
  if (guild === undefined || highest === undefined) return undefined
  const roles = new Map(guild.roles.cache.map(({ id, name, position }) => [id, { name, position }]))
  return { bot: { name: highest.name, position: highest.position }, roles }
}

function writtenMessage(message: Message): WrittenMessage | undefined {
  if (message.author.bot || message.webhookId !== null || message.system) return undefined
  return {
    id: message.id,
    channel: message.channelId,
    content: message.content,
    attachments: message.attachments.map(({ url, name, size }) => ({ url, name, sizeBytes: size })),
    ask: askOfMessage(message),
  }
}

function askOfMessage(message: Message): Ask {
  const { guild, member, author, channel } = message
  const inGuild = guild !== null && member !== null && 'guild' in channel
  return {
    user: author.id,
    userName: author.globalName ?? author.username,
    guild: guild?.id,
    channel: message.channelId,
    roles: member === null ? [] : [...member.roles.cache.keys()],
    permissions: inGuild ? member.permissionsIn(channel).bitfield : 0n,
    botPermissions: (inGuild ? guild.members.me?.permissionsIn(channel).bitfield : undefined) ?? 0n,
    // A message says nothing about its writer's language: the server's is the best guess.
    locale: guild?.preferredLocale ?? 'en',
    attachmentBytesMax: ATTACHMENT_BYTES_DEFAULT,
  }
}

function channelFor(guild: Guild): string | undefined {
  const { me } = guild.members
  if (me === null) return undefined
  const mayWrite = (channel: Guild['systemChannel']) =>
    channel !== null && (channel.permissionsFor(me)?.has(['ViewChannel', 'SendMessages']) ?? false)
  if (mayWrite(guild.systemChannel)) return guild.systemChannel?.id
  return guild.channels.cache.find((channel) => channel.isTextBased() && mayWrite(channel as never))?.id
}
