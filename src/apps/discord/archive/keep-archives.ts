import type { APIThreadChannel, Client, GuildBasedChannel } from 'discord.js'
import type { ArchiveSource } from '../../../archive/archive-source.ts'
import { ChannelUnreadableError } from '../../../archive/errors.ts'
import { isKizunaError, toKizunaError } from '../../../core/kizuna-error.ts'
import type { Services } from '../../../node/services.ts'
import { ArchiveRest } from './archive-rest.ts'
import { AttachmentLinks } from './attachment-links.ts'
import { catchUp, type HistoryParts, readBack } from './channel-history.ts'
import { archiveIdOf, DISCORD_PREFIX, isLater, snowflakeOf } from './discord-ids.ts'
import { LiveCapture } from './live-capture.ts'
import { describeChannel, hasOnlyThreads, readableChannel } from './read-channel.ts'
import { threadsOf } from './thread-list.ts'

/** Channels whose past is read at once; each has a page in memory. */
const CHANNELS_AT_ONCE = 3
/** Wait after a failure; doubles up to the longest. */
const RETRY_MS = 2_000
const RETRY_MS_MAX = 300_000
/** A channel that may not be read is looked at again after this, or as soon as permissions change. */
const UNREADABLE_MS = 600_000
const NO_CONTENT =
  'Discord does not let the bot read what is said: turn on “Message Content Intent” in the Developer Portal (Bot) and start again.'

/** What the bot tells. */
export interface ArchivesParts {
  /** Whether Discord lets the bot read what messages say. */
  readsMessages: () => boolean
}

/** A bot that keeps archives. */
export interface ArchiveKeeping {
  /** Ends it; what was gathered is kept. */
  stop(): Promise<void>
}

/**
 * Keeps every Discord channel that the node's archive is to keep: hears what is said, reads what was said before, and
 * after an absence what was missed. Begin it when a client is ready, once for each client.
 */
export function keepArchives(client: Client<true>, services: Services, parts: ArchivesParts): ArchiveKeeping {
  const keeping = new Keeping(client, services, parts)
  keeping.start()
  return keeping
}

class Keeping implements ArchiveKeeping, ArchiveSource {
  readonly prefix = DISCORD_PREFIX
  readonly #client: Client<true>
  readonly #services: Services
  readonly #parts: ArchivesParts
  readonly #rest: ArchiveRest
  readonly #links: AttachmentLinks
  readonly #live: LiveCapture
  readonly #history: Omit<HistoryParts, 'demandReadable'>
  readonly #stopping = new AbortController()
  readonly #activities = new Map<string, string>()
  /** What is being done for each channel, and how to have it begin anew. */
  readonly #running = new Map<string, { restart: AbortController; work: Promise<void> }>()
  readonly #turns: (() => void)[] = []
  #free = CHANNELS_AT_ONCE
  #disconnect: (() => void) | undefined
  readonly #refresh = () => this.#permissionsChanged()
  readonly #missedEvents = () => this.#catchUpAll()

  constructor(client: Client<true>, services: Services, parts: ArchivesParts) {
    const { archive, clock, breakers, config } = services
    this.#client = client
    this.#services = services
    this.#parts = parts
    this.#rest = new ArchiveRest(client)
    this.#links = new AttachmentLinks(
      { rest: this.#rest, breaker: breakers.of('discord-cdn') },
      { api: config.discordApi },
    )
    const nameOf = (id: string) => nameOfPlace(client, id)
    this.#live = new LiveCapture({
      archive,
      client,
      links: this.#links,
      nameOf,
      clock,
      log: services.log.named('discord:archive'),
      meet: (channel) => this.#meetThread(channel),
      missed: (channel) => this.#again(this.#rootOf(channel)),
    })
    this.#history = {
      archive,
      rest: this.#rest,
      links: this.#links,
      nameOf,
      wasJustDeleted: (id) => this.#live.wasJustDeleted(id),
    }
  }

  start(): void {
    // Heard from the first moment, so that nothing falls between hearing and reading.
    this.#live.start()
    this.#client.on('channelUpdate', this.#refresh)
    this.#client.on('roleUpdate', this.#refresh)
    this.#client.on('guildCreate', this.#refresh)
    // A new session, not a resumed one: events were missed.
    this.#client.on('shardReady', this.#missedEvents)
    this.#disconnect = this.#services.archive.addSource(this)
    this.keptChanged()
  }

  async stop(): Promise<void> {
    this.#disconnect?.()
    this.#client.off('channelUpdate', this.#refresh)
    this.#client.off('roleUpdate', this.#refresh)
    this.#client.off('guildCreate', this.#refresh)
    this.#client.off('shardReady', this.#missedEvents)
    this.#live.stop()
    this.#stopping.abort()
    for (const { restart } of this.#running.values()) restart.abort()
    await Promise.allSettled([...this.#running.values()].map(({ work }) => work))
    this.#services.health.remove('archive')
  }

  async describe(id: string): Promise<ReturnType<typeof describeChannel>> {
    return describeChannel(readableChannel(this.#client, id))
  }

  openAttachment(...asked: Parameters<AttachmentLinks['open']>): ReturnType<AttachmentLinks['open']> {
    return this.#links.open(...asked)
  }

  keptChanged(): void {
    const kept = new Set(this.#services.archive.keptChannels(DISCORD_PREFIX))
    for (const [channel, { restart }] of this.#running) if (!kept.has(channel)) restart.abort()
    for (const channel of kept) if (!this.#running.has(channel)) this.#begin(channel)
  }

  activityOf(channel: string): string | undefined {
    return this.#activities.get(channel)
  }

  #begin(channel: string): void {
    const restart = new AbortController()
    const work = this.#keep(channel, AbortSignal.any([restart.signal, this.#stopping.signal])).finally(() => {
      if (this.#running.get(channel)?.restart === restart) this.#running.delete(channel)
      this.#activities.delete(channel)
      // Asked to begin anew, not to end.
      if (!this.#stopping.signal.aborted && restart.signal.aborted) this.keptChanged()
    })
    this.#running.set(channel, { restart, work })
  }

  #again(channel: string): void {
    const running = this.#running.get(channel)
    if (running === undefined) this.keptChanged()
    else running.restart.abort()
  }

  #catchUpAll(): void {
    this.#live.leaveAll()
    for (const channel of [...this.#running.keys()]) this.#again(channel)
  }

  /** Until it is ended or asked to begin anew; failures are told in the status and tried again. */
  async #keep(channel: string, signal: AbortSignal): Promise<void> {
    const { archive, clock, log, health } = this.#services
    for (let waitMs = RETRY_MS; !signal.aborted; ) {
      try {
        await this.#inTurn(channel, signal, () => this.#readAll(channel, signal))
        archive.setTrouble(channel, undefined)
        health.set('archive', { state: 'ok' })
        this.#activities.set(channel, 'keeping what is said')
        await untilAborted(signal)
        return
      } catch (error) {
        if (signal.aborted) return
        const { code, message } = toKizunaError(error)
        const isUnreadable = isKizunaError(error, 'ARCHIVE_CHANNEL_UNREADABLE')
        const trouble = isUnreadable ? String(error.details.reason) : message
        log.warn('archive not kept up', { channel, code })
        archive.setTrouble(channel, trouble)
        if (!isUnreadable) health.set('archive', { state: 'degraded', error: message })
        this.#activities.set(channel, 'waiting to try again')
        await clock.sleep(isUnreadable ? UNREADABLE_MS : waitMs, signal).catch(() => {})
        waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)
      }
    }
  }

  async #readAll(channel: string, signal: AbortSignal): Promise<void> {
    const root = readableChannel(this.#client, channel)
    if (!this.#parts.readsMessages()) throw new ChannelUnreadableError({ channel, reason: NO_CONTENT })
    this.#services.archive.describeChannel(describeChannel(root))
    if (hasOnlyThreads(root)) this.#services.archive.see([], { channel, change: { isComplete: true } })
    else await this.#readOne(channel, channel, signal)
    for await (const thread of threadsOf(this.#rest, root, signal))
      await this.#readThread(root, thread, signal)
  }

  async #readThread(root: GuildBasedChannel, thread: APIThreadChannel, signal: AbortSignal): Promise<void> {
    const { archive } = this.#services
    const id = archiveIdOf(thread.id)
    archive.describeChannel({
      id,
      name: thread.name ?? '',
      group: archiveIdOf(root.guildId),
      parent: archiveIdOf(root.id),
      isOpen: thread.type !== 12,
    })
    const { newest, isComplete } = archive.checkpoint(id)
    const last = thread.last_message_id ?? '0'
    // Most old threads have nothing new; edits of what was said there long ago are not looked for.
    if (isComplete && newest !== undefined && !isLater(last, newest)) this.#live.follow(id)
    else await this.#readOne(archiveIdOf(root.id), id, signal)
  }

  async #readOne(root: string, channel: string, signal: AbortSignal): Promise<void> {
    // A thread may be read by whoever may read its channel; archived ones discord.js does not know.
    const history = { ...this.#history, demandReadable: () => void readableChannel(this.#client, root) }
    if (!this.#live.isFollowing(channel)) {
      this.#activities.set(root, 'catching up')
      await catchUp(history, channel, signal)
      this.#live.follow(channel)
    }
    this.#activities.set(root, 'reading what was said before')
    await readBack(history, channel, signal)
  }

  async #inTurn(channel: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    this.#activities.set(channel, 'waiting for its turn')
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#turns.push(resolve))
    try {
      signal.throwIfAborted()
      await work()
    } finally {
      const next = this.#turns.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }

  /** A thread in which somebody writes before it was listed. */
  #meetThread(id: string): boolean {
    const channel = this.#client.channels.cache.get(snowflakeOf(id))
    if (channel === undefined || channel.isDMBased() || !channel.isThread()) return false
    const { archive } = this.#services
    if (!archive.keeps(archiveIdOf(channel.parentId ?? ''))) return false
    const isMet = archive.describeChannel(describeChannel(channel))
    // Its beginning is read like any other past.
    if (isMet) this.#again(archiveIdOf(channel.parentId ?? ''))
    return isMet
  }

  #rootOf(id: string): string {
    const channel = this.#client.channels.cache.get(snowflakeOf(id))
    if (channel === undefined || channel.isDMBased() || !channel.isThread()) return id
    return archiveIdOf(channel.parentId ?? '')
  }

  /** Who may read a channel counts for the search at once; one that may be read again is gone on with. */
  #permissionsChanged(): void {
    const { archive } = this.#services
    for (const id of archive.keptChannels(DISCORD_PREFIX)) {
      const channel = this.#client.channels.cache.get(snowflakeOf(id))
      if (channel === undefined || channel.isDMBased()) continue
      archive.describeChannel(describeChannel(channel))
      if (this.#activities.get(id) === 'waiting to try again') this.#again(id)
    }
  }
}

function nameOfPlace(client: Client<true>, id: string): string | undefined {
  const channel = client.channels.cache.get(id)
  if (channel !== undefined && !channel.isDMBased()) return channel.name
  for (const guild of client.guilds.cache.values()) {
    const role = guild.roles.cache.get(id)
    if (role !== undefined) return role.name
  }
  return undefined
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
