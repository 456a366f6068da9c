import type { APIMessage } from 'discord.js'
import type { AttachmentPlace, OpenedAttachment } from '../../../archive/archive-source.ts'
import { AttachmentGoneError } from '../../../archive/errors.ts'
import type { CircuitBreaker } from '../../../core/circuit-breaker.ts'
import { DiscordUnavailableError } from '../errors.ts'
import { isAttachmentAddress } from '../incoming/fetch-attachment.ts'
import type { ArchiveRest } from './archive-rest.ts'
import { linksOf } from './read-message.ts'

/** Links that were seen with their messages, so that most attachments need no request to the API. */
const LINKS_MAX = 10_000

/** Opens attachments of Discord's CDN, whose links expire. */
export class AttachmentLinks {
  readonly #rest: ArchiveRest
  readonly #breaker: CircuitBreaker
  readonly #api: URL
  readonly #links = new Map<string, string>()

  constructor(parts: { rest: ArchiveRest; breaker: CircuitBreaker }, options: { api: string }) {
    this.#rest = parts.rest
    this.#breaker = parts.breaker
    this.#api = new URL(options.api)
  }

  /** Remembers the links of a message that was just seen; the oldest are forgotten. */
  remember(message: APIMessage): void {
    for (const [id, url] of linksOf(message)) {
      const oldest = this.#links.keys().next().value
      if (this.#links.size >= LINKS_MAX && oldest !== undefined) this.#links.delete(oldest)
      this.#links.set(id, url)
    }
  }

  /** @throws AttachmentGoneError, DiscordUnavailableError, ChannelUnreadableError */
  async open(place: AttachmentPlace, signal: AbortSignal): Promise<OpenedAttachment> {
    const known = this.#links.get(place.attachment)
    this.#links.delete(place.attachment)
    const opened = known === undefined ? undefined : await this.#fetch(known, signal)
    if (opened !== undefined) return opened
    // Expired, or never seen: a message that is fetched anew has fresh links.
    const message = await this.#rest.message(place.channel, place.message, signal)
    if (message === undefined) throw new AttachmentGoneError({ reason: 'its message was deleted' })
    const fresh = new Map(linksOf(message)).get(place.attachment)
    if (fresh === undefined) throw new AttachmentGoneError({ reason: 'its message has it no more' })
    const again = await this.#fetch(fresh, signal)
    if (again === undefined) throw new AttachmentGoneError({ reason: 'its link leads nowhere' })
    return again
  }

  /** Undefined when there is nothing under the link. */
  async #fetch(url: string, signal: AbortSignal): Promise<OpenedAttachment | undefined> {
    if (!isAttachmentAddress(url, this.#api))
      throw new AttachmentGoneError({ reason: 'its link does not lead to Discord' })
    return this.#breaker.run(async () => {
      let response: Response
      try {
        response = await fetch(url, { signal, redirect: 'error' })
      } catch (cause) {
        signal.throwIfAborted()
        throw new DiscordUnavailableError({ what: 'an attachment’s connection failed', cause })
      }
      const { status, body } = response
      if (status === 200 && body !== null) {
        const length = response.headers.get('content-length')
        return {
          bytes: body as unknown as AsyncIterable<Uint8Array>,
          sizeBytes: length === null ? undefined : Number(length),
        }
      }
      await body?.cancel()
      if (status === 403 || status === 404 || status === 410) return undefined
      throw new DiscordUnavailableError({ what: 'an attachment was not given out', status })
    })
  }
}
