import { type APIInteraction, ApplicationIntegrationType } from 'discord.js'
import type { Ask } from '../ask.ts'

/** What Discord takes from everybody, where it does not say. */
const ATTACHMENT_BYTES_DEFAULT = 10 * 1024 ** 2

/** Who asks by an interaction, and where. */
export function askOfInteraction(interaction: APIInteraction): Ask {
  const user = interaction.member?.user ?? interaction.user
  const guild = ourGuildOf(interaction)
  return {
    user: user?.id ?? '0',
    userName: user?.global_name ?? user?.username ?? '',
    guild,
    channel: interaction.channel?.id,
    roles: guild === undefined ? [] : (interaction.member?.roles ?? []),
    permissions: guild === undefined ? 0n : BigInt(interaction.member?.permissions ?? '0'),
    botPermissions: BigInt(interaction.app_permissions ?? '0'),
    locale: interaction.type === 1 ? 'en' : (interaction.locale ?? 'en'),
    attachmentBytesMax: interaction.attachment_size_limit ?? ATTACHMENT_BYTES_DEFAULT,
  }
}

/**
 * The server, when the bot was installed there by whoever runs it. Somebody who installed the bot for themselves can
 * use it in servers that we are not part of: who manages those means nothing to us.
 */
function ourGuildOf(interaction: APIInteraction): string | undefined {
  const guild = interaction.guild_id
  if (guild === undefined) return undefined
  const owners = interaction.authorizing_integration_owners ?? {}
  return owners[ApplicationIntegrationType.GuildInstall] === guild ? guild : undefined
}
