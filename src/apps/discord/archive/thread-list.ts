import type { APIThreadChannel, GuildBasedChannel } from 'discord.js'
import { isKizunaError } from '../../../core/kizuna-error.ts'
import type { ArchiveRest } from './archive-rest.ts'
import { archiveIdOf } from './discord-ids.ts'

/** Pages of old threads of one channel: 10,000 threads. */
const PAGES_MAX = 100

/** The threads of a channel that the bot may read: those in use, then the archived ones, newest first. */
export async function* threadsOf(
  rest: ArchiveRest,
  channel: GuildBasedChannel,
  signal: AbortSignal,
): AsyncGenerator<APIThreadChannel> {
  if (!('threads' in channel)) return
  const active = await rest.activeThreads(archiveIdOf(channel.guildId), signal)
  yield* active.filter(({ parent_id }) => parent_id === channel.id)
  yield* archivedThreads(rest, channel.id, 'public', signal)
  try {
    yield* archivedThreads(rest, channel.id, 'joined private', signal)
  } catch (error) {
    // Where private threads are none of the bot's business.
    if (!isKizunaError(error, 'ARCHIVE_CHANNEL_UNREADABLE')) throw error
  }
}

async function* archivedThreads(
  rest: ArchiveRest,
  channel: string,
  kind: 'public' | 'joined private',
  signal: AbortSignal,
): AsyncGenerator<APIThreadChannel> {
  let before: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const { threads, has_more } = await rest.archivedThreads(archiveIdOf(channel), kind, before, signal)
    yield* threads
    const last = threads.at(-1)
    if (!has_more || last === undefined) return
    // Discord counts public ones by when they were archived, private ones by their ids.
    before = kind === 'public' ? last.thread_metadata?.archive_timestamp : last.id
  }
}
