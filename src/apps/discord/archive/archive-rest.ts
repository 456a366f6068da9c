import type { APIMessage, APIThreadChannel, Client } from 'discord.js'
import { Routes } from 'discord.js'
import { ChannelUnreadableError } from '../../../archive/errors.ts'
import { isKizunaError } from '../../../core/kizuna-error.ts'
import { DiscordUnavailableError } from '../errors.ts'
import { archiveIdOf, snowflakeOf } from './discord-ids.ts'

/** Messages in one page, and threads: Discord gives no more. */
export const PAGE = 100
const UNKNOWN_MESSAGE = 10_008
const UNKNOWN_CHANNEL = 10_003

/** Where a page begins; neither gives the newest. */
export type PagePlace = { before: string } | { after: string } | undefined

/** The requests of the archive, through the bot's own queue, which obeys the rate limits. */
export class ArchiveRest {
  readonly #client: Client<true>

  constructor(client: Client<true>) {
    this.#client = client
  }

  /** A page of messages, oldest first. @throws ChannelUnreadableError, DiscordUnavailableError */
  async page(channel: string, place: PagePlace, signal: AbortSignal): Promise<APIMessage[]> {
    const query = new URLSearchParams({ limit: String(PAGE), ...place })
    const page = await this.#get<APIMessage[]>(
      channel,
      Routes.channelMessages(snowflakeOf(channel)),
      query,
      signal,
    )
    return page.toReversed()
  }

  /** One message; undefined when it is gone. @throws ChannelUnreadableError, DiscordUnavailableError */
  async message(channel: string, id: string, signal: AbortSignal): Promise<APIMessage | undefined> {
    try {
      const route = Routes.channelMessage(snowflakeOf(channel), id)
      return await this.#get<APIMessage>(channel, route, new URLSearchParams(), signal)
    } catch (error) {
      if (isKizunaError(error) && error.details.reason === GONE) return undefined
      throw error
    }
  }

  /** The threads of a server in which people still write. */
  async activeThreads(guild: string, signal: AbortSignal): Promise<APIThreadChannel[]> {
    const route = Routes.guildActiveThreads(snowflakeOf(guild))
    return (await this.#get<{ threads: APIThreadChannel[] }>(guild, route, new URLSearchParams(), signal))
      .threads
  }

  /** A page of a channel's archived threads, newest first; private ones only where the bot is in them. */
  async archivedThreads(
    channel: string,
    kind: 'public' | 'joined private',
    before: string | undefined,
    signal: AbortSignal,
  ): Promise<{ threads: APIThreadChannel[]; has_more: boolean }> {
    const id = snowflakeOf(channel)
    const route =
      kind === 'public' ? Routes.channelThreads(id, 'public') : Routes.channelJoinedArchivedThreads(id)
    const query = new URLSearchParams({ limit: String(PAGE), ...(before === undefined ? {} : { before }) })
    return this.#get(channel, route, query, signal)
  }

  async #get<T>(
    channel: string,
    route: `/${string}`,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<T> {
    try {
      return (await this.#client.rest.get(route, { query, signal })) as T
    } catch (error) {
      signal.throwIfAborted()
      throw inOurWords(error, channel)
    }
  }
}

const GONE = 'the message is gone'

/** discord.js's errors by what they mean for the archive. */
function inOurWords(error: unknown, channel: string): unknown {
  if (isKizunaError(error)) return error
  const { status, code } = error as { status?: unknown; code?: unknown }
  if (status === 403 || status === 404) {
    const reasons: Record<number, string> = { [UNKNOWN_CHANNEL]: 'it was deleted', [UNKNOWN_MESSAGE]: GONE }
    const reason = reasons[Number(code)] ?? (status === 403 ? 'the bot may not read it' : 'it is not there')
    return new ChannelUnreadableError({ channel: archiveIdOf(snowflakeOf(channel)), reason, cause: error })
  }
  return new DiscordUnavailableError({
    what: 'the archive’s request failed',
    ...(typeof status === 'number' ? { status } : {}),
    cause: error,
  })
}
