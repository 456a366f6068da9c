import { Client, GatewayIntentBits, Options, Partials, type REST } from 'discord.js'
import type { Logger } from '../../../core/log.ts'
import type { Secret } from '../../../core/secret.ts'
import { DiscordTokenInvalidError, DiscordUnavailableError } from '../errors.ts'

/** Intents that Discord grants only by a switch in its portal. */
const PRIVILEGED: readonly IntentName[] = ['MessageContent', 'GuildMembers', 'GuildPresences']

/** The name of an intent, as Discord's documentation spells it in discord.js. */
export type IntentName = keyof typeof GatewayIntentBits

/** A client that is connected. */
export interface OpenClient {
  client: Client<true>
  /** What Discord did not grant. */
  refusedIntents: readonly IntentName[]
}

/**
 * Logs in. When an intent is not granted it logs in without those that need granting.
 * @throws DiscordTokenInvalidError, DiscordUnavailableError
 */
export async function openClient(
  parts: { rest: REST; log: Logger; listen: (client: Client) => void },
  options: { token: Secret<string>; intents: readonly IntentName[] },
): Promise<OpenClient> {
  try {
    return { client: await logIn(parts, options.token, options.intents), refusedIntents: [] }
  } catch (error) {
    if (!isDisallowedIntents(error)) throw loginError(error)
  }
  const granted = options.intents.filter((intent) => !PRIVILEGED.includes(intent))
  try {
    const refusedIntents = options.intents.filter((intent) => PRIVILEGED.includes(intent))
    return { client: await logIn(parts, options.token, granted), refusedIntents }
  } catch (error) {
    throw loginError(error)
  }
}

/** Those of the names that are intents. */
export function intentsOf(names: readonly string[]): { intents: IntentName[]; unknown: string[] } {
  const isIntent = (name: string): name is IntentName =>
    Object.hasOwn(GatewayIntentBits, name) && Number.isNaN(Number(name))
  return { intents: names.filter(isIntent), unknown: names.filter((name) => !isIntent(name)) }
}

async function logIn(
  { rest, log, listen }: { rest: REST; log: Logger; listen: (client: Client) => void },
  token: Secret<string>,
  intents: readonly IntentName[],
): Promise<Client<true>> {
  const client = new Client({
    intents: intents.map((name) => GatewayIntentBits[name]),
    // As many connections as Discord recommends.
    shards: 'auto',
    // Direct channels and messages from before the start are not in memory.
    partials: [Partials.Channel, Partials.Message],
    allowedMentions: { parse: [] },
    makeCache: Options.cacheWithLimits({
      ...Options.DefaultMakeCacheSettings,
      MessageManager: 20,
      PresenceManager: 0,
      ReactionManager: 0,
      GuildMemberManager: { maxSize: 200, keepOverLimit: (member) => member.id === member.client.user.id },
    }),
  })
  // One queue for everything that the bot's token pays for.
  client.rest = rest
  client.on('error', (error) => log.warn('client error', { reason: error.message }))
  client.on('shardError', (error) => log.debug('gateway error', { reason: error.message }))
  listen(client)
  const ready = new Promise<Client<true>>((resolve) => client.once('clientReady', resolve))
  try {
    await client.login(token.reveal())
    return await ready
  } catch (error) {
    await client.destroy()
    throw error
  } finally {
    // discord.js forgets the token when a client ends; the queue outlives it.
    rest.setToken(token.reveal())
  }
}

function isDisallowedIntents(error: unknown): boolean {
  return error instanceof Error && /disallowed intents/i.test(error.message)
}

function loginError(error: unknown): Error {
  const { code, message } = error as { code?: unknown; message?: string }
  const isToken = code === 'TokenInvalid' || /authentication failed|invalid token/i.test(message ?? '')
  if (isToken) return new DiscordTokenInvalidError({ missing: false })
  return error instanceof DiscordUnavailableError
    ? error
    : new DiscordUnavailableError({ what: 'logging in failed', cause: error })
}
