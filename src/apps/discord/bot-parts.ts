import type { REST } from 'discord.js'
import type { Command } from '../../commands/command.ts'
import type { CommandRunner } from '../../commands/run-command.ts'
import type { Logger } from '../../core/log.ts'
import type { TokenBucket } from '../../core/token-bucket.ts'
import type { Services } from '../../node/services.ts'
import type { Look } from './answers/render-message.ts'
import type { SeeingMember } from './archive/channels-seen.ts'
import type { Ask, Standing } from './ask.ts'
import type { ControlIds } from './control-id.ts'
import type { GuildRoles } from './doctor-here.ts'
import type { GuildSettingsTable } from './guilds/guild-settings.ts'
import type { KnownMembers } from './guilds/known-members.ts'
import type { AttachmentSource } from './incoming/fetch-attachment.ts'
import type { WaitingLine } from './waiting-line.ts'

/** Who the bot is at Discord, known once it logged in. */
export interface BotIdentity {
  applicationId: string
  userId: string
  userName: string
  /** The application's owner and the members of its team. */
  owners: ReadonlySet<string>
  /** Whether everybody may add the bot to a server of their own. */
  isPublic: boolean
}

/** What every part of the bot works with. Nothing in here is a person's or a server's: those live in the index. */
export interface BotParts {
  services: Services
  runner: CommandRunner
  commands: readonly Command[]
  /** With the bot's token. */
  rest: REST
  /** Without it, for the webhooks of interactions. */
  webhooks: REST
  controls: ControlIds
  guilds: GuildSettingsTable
  members: KnownMembers
  attachments: AttachmentSource
  look: Look
  log: Logger
  /** Of the commands that begin. */
  line: WaitingLine
  identity: () => BotIdentity
  /** A server's roles, where they are known. */
  rolesOf: (guild: string) => GuildRoles | undefined
  /** Who owns a server, where that is known. */
  ownerOf: (guild: string) => string | undefined
  /** The channels that a member of a server may see, where that is known. */
  channelsSeenBy: (guild: string, member: SeeingMember) => string[] | undefined
  /** Whether typed commands can be read without a mention. */
  readsMessages: () => boolean
  /** The ids of registered commands by name, for clickable mentions of them. */
  commandIds: ReadonlyMap<string, string>
  /** Answers that came too late for their interaction and are said in a channel instead. */
  lateAnswers: TokenBucket
  /** Aborts when the bot stops. */
  stopping: AbortSignal
}

/**
 * Whether a server's members and managers count as such: those named in the settings; otherwise every one, unless
 * anybody may add the bot, and then those of the application's owners.
 */
export function doesGuildCount(parts: BotParts, guild: string): boolean {
  const { discordGuilds } = parts.services.config
  if (discordGuilds.length > 0) return discordGuilds.includes(guild)
  const { isPublic, owners } = parts.identity()
  return !isPublic || owners.has(parts.ownerOf(guild) ?? '')
}

/** What decides who may do what, in the place where somebody asks. */
export function standingOf(parts: BotParts, ask: Pick<Ask, 'guild'>): Standing {
  return {
    settings: parts.guilds.of(ask.guild),
    owners: parts.identity().owners,
    counts: ask.guild !== undefined && doesGuildCount(parts, ask.guild),
    isKnownMember: (person) => parts.members.has(person),
  }
}
