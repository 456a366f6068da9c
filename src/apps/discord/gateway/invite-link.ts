import { PermissionFlagsBits } from 'discord.js'
import { NEEDED_PERMISSIONS } from '../doctor-here.ts'

/** The link by which somebody adds the bot to a server, with the least permissions it can do with. */
export function inviteLink(applicationId: string): string {
  const link = new URL('https://discord.com/oauth2/authorize')
  const permissions = NEEDED_PERMISSIONS.reduce((all, name) => all | PermissionFlagsBits[name], 0n)
  link.searchParams.set('client_id', applicationId)
  link.searchParams.set('scope', 'bot applications.commands')
  link.searchParams.set('permissions', String(permissions))
  return link.href
}
