import type { APIMessage, Client } from 'discord.js'
import type { Archive } from '../../../archive/archive.ts'
import type { Clock, Timer } from '../../../core/clock.ts'
import { toKizunaError } from '../../../core/kizuna-error.ts'
import type { Logger } from '../../../core/log.ts'
import type { AttachmentLinks } from './attachment-links.ts'
import { archiveIdOf, laterOf } from './discord-ids.ts'
import { type NameOf, readMessage } from './read-message.ts'

/** Messages that come in one breath are one transaction; so long one waits for others. */
const GATHER_MS = 25
const GATHER_MAX = 200
/** Deletions remembered in case a page that was made before them comes in later. */
const DELETED_MAX = 10_000

/** What Discord tells of a deletion. */
interface Deletion {
  id: string
  channel_id: string
}

/** The same of many at once. */
interface BulkDeletion {
  ids: string[]
  channel_id: string
}

/** What hearing a conversation needs. */
export interface LiveParts {
  archive: Archive
  client: Client<true>
  links: AttachmentLinks
  nameOf: NameOf
  clock: Clock
  log: Logger
  /** Makes a thread known that was never heard of; false when it belongs to no channel that is kept. */
  meet: (channel: string) => boolean
  /** What was said could not be kept: the channel must be caught up with. */
  missed: (channel: string) => void
}

/** Keeps what is said as it is said. Raw events, because discord.js tells of edits only where it remembers the message. */
export class LiveCapture {
  readonly #parts: LiveParts
  /** Channels whose checkpoint moves with what is heard: everything before it is kept. */
  readonly #current = new Set<string>()
  readonly #deleted = new Set<string>()
  #gathered: APIMessage[] = []
  #timer: Timer | undefined
  readonly #listeners: [string, (data: never) => void][]

  constructor(parts: LiveParts) {
    this.#parts = parts
    const safely = (hear: (data: never) => void) => (data: never) => {
      try {
        hear(data)
      } catch (error) {
        // Thrown on, it would end the process; what was missed is read again at the next start.
        parts.log.warn('archive could not keep what was heard', { code: toKizunaError(error).code })
      }
    }
    this.#listeners = [
      ['MESSAGE_CREATE', safely((data: APIMessage) => this.#said(data))],
      ['MESSAGE_UPDATE', safely((data: APIMessage) => this.#said(data))],
      ['MESSAGE_DELETE', safely((data: Deletion) => this.#gone(data.channel_id, [data.id]))],
      ['MESSAGE_DELETE_BULK', safely((data: BulkDeletion) => this.#gone(data.channel_id, data.ids))],
    ]
  }

  start(): void {
    for (const [event, listener] of this.#listeners)
      this.#parts.client.ws.on(event as never, listener as never)
  }

  stop(): void {
    for (const [event, listener] of this.#listeners)
      this.#parts.client.ws.off(event as never, listener as never)
    this.flush()
    this.#current.clear()
  }

  /** The channel is caught up with: from now on its checkpoint moves. */
  follow(channel: string): void {
    this.#current.add(channel)
  }

  isFollowing(channel: string): boolean {
    return this.#current.has(channel)
  }

  /** Events were missed: no checkpoint moves until its channel is caught up with again. */
  leaveAll(): void {
    this.flush()
    this.#current.clear()
  }

  wasJustDeleted(id: string): boolean {
    return this.#deleted.has(id)
  }

  /** Keeps what was gathered, in one transaction for each channel. */
  flush(): void {
    this.#timer?.stop()
    this.#timer = undefined
    const gathered = this.#gathered
    this.#gathered = []
    const byChannel = Map.groupBy(gathered, ({ channel_id }) => archiveIdOf(channel_id))
    for (const [channel, messages] of byChannel) this.#keep(channel, messages)
  }

  #keep(channel: string, messages: readonly APIMessage[]): void {
    const { archive, links, nameOf, log } = this.#parts
    for (const message of messages) links.remember(message)
    const seen = messages.flatMap((message) => readMessage(message, nameOf) ?? [])
    try {
      if (!this.#current.has(channel)) {
        archive.see(seen)
        return
      }
      // An edit of something old must not move it back.
      const { newest = '0' } = archive.checkpoint(channel)
      const change = { newest: messages.reduce((last, { id }) => laterOf(last, id), newest) }
      archive.see(seen, { channel, change })
    } catch (error) {
      // A full disk, most likely. The checkpoint stays, and what was missed is read again later.
      log.warn('archive could not keep what was said', { code: toKizunaError(error).code })
      this.#current.delete(channel)
      this.#parts.missed(channel)
    }
  }

  #said(message: APIMessage): void {
    if (typeof message?.channel_id !== 'string') return
    const channel = archiveIdOf(message.channel_id)
    const { archive, meet, clock } = this.#parts
    if (!archive.keeps(channel) && !meet(channel)) return
    this.#gathered.push(message)
    if (this.#gathered.length >= GATHER_MAX) this.flush()
    else this.#timer ??= clock.after(GATHER_MS, () => this.flush())
  }

  #gone(id: string, messages: readonly string[]): void {
    const channel = archiveIdOf(id)
    const { archive, log } = this.#parts
    if (!archive.keeps(channel)) return
    for (const message of messages) {
      const oldest = this.#deleted.values().next().value
      if (this.#deleted.size >= DELETED_MAX && oldest !== undefined) this.#deleted.delete(oldest)
      this.#deleted.add(message)
    }
    // What was said before it was deleted is kept first.
    this.flush()
    try {
      archive.seeDeleted(channel, messages)
    } catch (error) {
      // Found again when the last pages are read at the next start.
      log.warn('archive could not note a deletion', { code: toKizunaError(error).code })
    }
  }
}
