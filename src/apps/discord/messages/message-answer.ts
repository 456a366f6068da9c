import { type APIChannel, type APIMessage, type RawFile, type REST, Routes } from 'discord.js'
import type { Logger } from '../../../core/log.ts'
import type { Answer } from '../answers/answer.ts'
import { type Look, type MessageBody, renderMessage } from '../answers/render-message.ts'
import { PARTS_MAX } from '../answers/split-text.ts'
import type { View } from '../answers/view.ts'
import type { Say } from '../words/say.ts'

/** Where a typed command came from. */
export interface MessagePlace {
  channel: string
  message: string
  user: string
}

/** What an answer to a message is made of. */
export interface MessageAnswerParts {
  rest: REST
  log: Logger
  look: Look
  say: Say
}

/** The answer to a typed command: a reply in the channel, or a direct message where it is for the asker alone. */
export class MessageAnswer implements Answer {
  readonly #parts: MessageAnswerParts
  readonly #place: MessagePlace
  /** The “working …” message, which the answer replaces. */
  #waiting: { channel: string; message: string } | undefined
  #edits: Promise<void> = Promise.resolve()

  constructor(parts: MessageAnswerParts, place: MessagePlace) {
    this.#parts = parts
    this.#place = place
  }

  async defer(confidential: boolean): Promise<void> {
    if (confidential || this.#waiting !== undefined) return
    await this.#logged(async () => {
      const body = renderMessage(this.#card(this.#parts.say('working')), this.#parts.look)[0]
      const sent = await this.#post(this.#place.channel, { ...body, ...this.#reference() } as MessageBody)
      this.#waiting = { channel: sent.channel_id, message: sent.id }
    })
  }

  async progress(view: View): Promise<void> {
    const waiting = this.#waiting
    const body = renderMessage(view, this.#parts.look)[0]
    if (waiting === undefined || body === undefined) return
    await this.#inTurn(() => this.#patch(waiting, body, [])).catch(() => {})
  }

  async finish(view: View): Promise<void> {
    await this.#logged(async () => {
      if (view.confidential === true) return this.#sendAlone(view)
      const waiting = this.#waiting
      const files = (view.files ?? []).map(toRawFile)
      const [first, ...rest] = renderMessage(view, this.#parts.look, this.#wasCard)
      if (first === undefined) return
      const firstFiles = rest.length === 0 ? files : []
      if (waiting === undefined)
        await this.#post(this.#place.channel, { ...first, ...this.#reference() }, firstFiles)
      else await this.#inTurn(() => this.#patch(waiting, first, firstFiles))
      for (const [index, body] of rest.slice(0, PARTS_MAX).entries())
        await this.#post(this.#place.channel, body, index === rest.length - 1 ? files : [])
    })
  }

  async fail(view: View): Promise<void> {
    // Nobody else can be kept from seeing it; it holds nothing but a sentence and a hint.
    const { confidential: _confidential, ...open } = view
    await this.finish(open)
  }

  /** Says to one person what is for them alone, and in the channel only that. */
  async #sendAlone(view: View): Promise<void> {
    const { say, rest, look } = this.#parts
    let note = say('sentByDirectMessage')
    try {
      const direct = (await rest.post(Routes.userChannels(), {
        body: { recipient_id: this.#place.user },
      })) as APIChannel
      const bodies = renderMessage(view, look)
      const files = (view.files ?? []).map(toRawFile)
      for (const [index, body] of bodies.slice(0, PARTS_MAX).entries())
        await this.#post(direct.id, body, index === bodies.length - 1 ? files : [])
      if (direct.id === this.#place.channel) return
    } catch (error) {
      this.#parts.log.info('direct message refused', { reason: (error as Error).message })
      note = say('directMessageClosed')
    }
    await this.finish({ kind: 'note', tone: 'plain', text: note })
  }

  get #wasCard(): boolean {
    return this.#waiting !== undefined && this.#parts.look === 'cards'
  }

  #card(text: string): View {
    return { kind: 'card', tone: 'plain', text }
  }

  #reference() {
    return { message_reference: { message_id: this.#place.message, fail_if_not_exists: false } }
  }

  async #post(
    channel: string,
    body: MessageBody,
    files: readonly RawFile[] = [],
  ): Promise<Pick<APIMessage, 'id' | 'channel_id'>> {
    return (await this.#parts.rest.post(Routes.channelMessages(channel), {
      body,
      files: [...files],
    })) as APIMessage
  }

  async #patch(
    at: { channel: string; message: string },
    body: MessageBody,
    files: readonly RawFile[],
  ): Promise<void> {
    await this.#parts.rest.patch(Routes.channelMessage(at.channel, at.message), { body, files: [...files] })
  }

  #inTurn(edit: () => Promise<void>): Promise<void> {
    this.#edits = this.#edits.catch(() => {}).then(edit)
    return this.#edits
  }

  async #logged(deliver: () => Promise<void>): Promise<void> {
    try {
      await deliver()
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: string }
      this.#parts.log.warn('answer not delivered', { code: String(code ?? 'unknown'), reason: message })
    }
  }
}

function toRawFile(file: { name: string; bytes: Uint8Array }): RawFile {
  return { name: file.name, data: Buffer.from(file.bytes) }
}
