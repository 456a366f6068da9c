import { createHash } from 'node:crypto'
import {
  type APIApplicationCommand,
  type REST,
  type RESTPostAPIApplicationCommandsJSONBody,
  Routes,
} from 'discord.js'
import type { Services } from '../../../node/services.ts'

const STEPS = [
  `CREATE TABLE discord_registration (
     application TEXT PRIMARY KEY, hash TEXT NOT NULL, ids TEXT NOT NULL
   ) STRICT`,
]

/**
 * Registers the commands, when they are others than last time: Discord allows few registrations a day.
 * @returns the ids of the slash commands by name.
 */
export async function publishRegistration(
  { index, rest, api }: { index: Services['index']; rest: REST; api: string },
  applicationId: string,
  registration: readonly RESTPostAPIApplicationCommandsJSONBody[],
): Promise<Map<string, string>> {
  index.migrate('discord registration', STEPS)
  // Another Discord (a test's) knows nothing of what this one was told.
  const hash = createHash('sha256')
    .update(JSON.stringify([api, registration]))
    .digest('hex')
  const known = index.get<{ hash: string; ids: string }>(
    'SELECT hash, ids FROM discord_registration WHERE application = ?',
    applicationId,
  )
  if (known?.hash === hash) return new Map(JSON.parse(known.ids) as [string, string][])
  const answer = (await rest.put(Routes.applicationCommands(applicationId), {
    body: registration,
  })) as APIApplicationCommand[]
  const ids = answer.filter(({ type }) => type === 1).map(({ name, id }): [string, string] => [name, id])
  index.run(
    'INSERT OR REPLACE INTO discord_registration (application, hash, ids) VALUES (?, ?, ?)',
    applicationId,
    hash,
    JSON.stringify(ids),
  )
  return new Map(ids)
}
