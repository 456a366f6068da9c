import {
  type APIInteraction,
  DiscordAPIError,
  InteractionResponseType,
  MessageFlags,
  type RawFile,
  type REST,
  Routes,
} from 'discord.js'
import type { Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import type { Random } from '../../../core/random.ts'
import { retry } from '../../../core/retry.ts'
import type { FormAnswer } from '../answers/answer.ts'
import {
  isCardBody,
  type Look,
  type MessageBody,
  renderForm,
  renderMessage,
} from '../answers/render-message.ts'
import { PARTS_MAX } from '../answers/split-text.ts'
import type { FormView, View, ViewFile } from '../answers/view.ts'
import type { Say } from '../words/say.ts'

/** Discord takes nothing for an interaction after 15 minutes; the last edit must have arrived by then. */
const TOKEN_LIFE_MS = 15 * 60_000 - 10_000
/** About a minute and a half. */
const PATIENCE = { attemptsMax: 7, delayMs: 2_000, delayMsMax: 30_000 } as const
/** Unknown webhook, unknown interaction, invalid webhook token. */
const OVER: readonly number[] = [10_015, 10_062, 50_027]

/** How first answers leave: over HTTP to Discord, or as the response to Discord's own request. */
export type SendCallback = (interaction: { id: string; token: string }, body: unknown) => Promise<void>

/** What an answer to an interaction is made of. */
export interface InteractionAnswerParts {
  sendCallback: SendCallback
  /** For webhooks of interactions, which need no authorization and are no part of the bot's rate. */
  webhooks: REST
  /** The bot's own, for channels. */
  rest: REST
  clock: Clock
  random: Random
  log: Logger
  look: Look
  say: Say
  /** Aborts when the bot stops. */
  stopping: AbortSignal
  /** Whether a late answer may still be said in a channel: after an overload thousands would follow each other there. */
  mayAnswerLate: () => boolean
}

/** `new`: an answer of its own. `update`: the message whose button was pressed changes. */
export type AnswerMode = 'new' | 'update'

/** The answer to one interaction, within Discord's rules: one callback, then edits, then a message in the channel. */
export class InteractionAnswer implements FormAnswer {
  readonly #parts: InteractionAnswerParts
  readonly #interaction: APIInteraction
  readonly #mode: AnswerMode
  readonly #expiresAt: number
  #state: 'open' | 'deferred' | 'answered' = 'open'
  #isConfidential = false
  #isCard = false
  /** Discord did not take the first answer: the interaction is over, the channel is left. */
  #isDead = false
  #edits: Promise<void> = Promise.resolve()

  constructor(parts: InteractionAnswerParts, interaction: APIInteraction, mode: AnswerMode = 'new') {
    this.#parts = parts
    this.#interaction = interaction
    this.#mode = mode
    this.#expiresAt = parts.clock.monotonic() + TOKEN_LIFE_MS
    this.#isCard =
      mode === 'update' && ((interaction.message?.flags ?? 0) & MessageFlags.IsComponentsV2) !== 0
  }

  /** Whether nothing was said yet. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  async defer(confidential: boolean): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'deferred'
    this.#isConfidential = confidential
    await this.#callback(
      this.#mode === 'update'
        ? { type: InteractionResponseType.DeferredMessageUpdate }
        : {
            type: InteractionResponseType.DeferredChannelMessageWithSource,
            ...(confidential ? { data: { flags: MessageFlags.Ephemeral } } : {}),
          },
    )
  }

  async ask(form: FormView): Promise<void> {
    this.#state = 'answered'
    await this.#callback({ type: InteractionResponseType.Modal, data: renderForm(form) })
  }

  async progress(view: View): Promise<void> {
    if (this.#state !== 'deferred' || this.#mode === 'update' || this.#isExpired) return
    const body = renderMessage(view, this.#parts.look, this.#isCard)[0]
    if (body !== undefined) await this.#inTurn(() => this.#edit(body, [])).catch(() => {})
  }

  async finish(view: View): Promise<void> {
    await this.#deliver(view, view.confidential === true || this.#isConfidential)
  }

  async fail(view: View): Promise<void> {
    if (this.#state === 'open') {
      await this.#logged(() => this.#reply(bodiesOf(view, 'plain'), true))
      return
    }
    if (this.#isConfidential && this.#mode === 'new') return this.#deliver(view, true)
    await this.#logged(async () => {
      if (this.#isExpired) return this.#sayInChannel(view)
      // What is deferred for all stays for all: it goes, and the reason comes for the asker alone.
      if (this.#mode === 'new') await this.#inTurn(() => this.#remove())
      await this.#followUp(bodiesOf(view, 'plain'), true)
    })
    this.#state = 'answered'
  }

  async #deliver(view: View, confidential: boolean): Promise<void> {
    await this.#logged(async () => {
      const files = view.files ?? []
      if (this.#state === 'open' && files.length > 0) await this.defer(confidential)
      const bodies = renderMessage(view, this.#parts.look, this.#isCard)
      if (this.#state === 'open') {
        await this.#reply(bodies, confidential).catch((error: unknown) => {
          if (!this.#isDead) throw error
        })
        if (!this.#isDead) return
      }
      if (this.#isExpired) return this.#sayInChannel(view)
      await this.#editAll(view, bodies, confidential)
    })
    this.#state = 'answered'
  }

  async #editAll(view: View, bodies: readonly MessageBody[], confidential: boolean): Promise<void> {
    const files = view.files ?? []
    const [first, ...rest] = bodies
    if (first === undefined) return
    try {
      await this.#patiently(() => this.#inTurn(() => this.#edit(first, rest.length === 0 ? files : [])))
    } catch (error) {
      if (isOver(error)) return this.#sayInChannel(view)
      // “Thinking …” must end, whatever Discord has against the answer.
      const note: View = { kind: 'note', tone: 'bad', text: this.#parts.say('code.DISCORD_UNAVAILABLE') }
      const [body] = renderMessage(note, this.#parts.look, this.#isCard)
      if (body !== undefined) await this.#inTurn(() => this.#edit(body, [])).catch(() => {})
      throw error
    }
    await this.#followUp(rest, confidential, files)
  }

  async #reply(bodies: readonly MessageBody[], confidential: boolean): Promise<void> {
    const [first, ...rest] = bodies
    if (first === undefined) return
    this.#state = 'answered'
    const isUpdate = this.#mode === 'update' && !confidential
    await this.#callback({
      type: isUpdate
        ? InteractionResponseType.UpdateMessage
        : InteractionResponseType.ChannelMessageWithSource,
      data: confidential ? withFlag(first, MessageFlags.Ephemeral) : first,
    })
    await this.#followUp(rest, confidential)
  }

  async #callback(body: unknown): Promise<void> {
    try {
      await this.#parts.sendCallback(this.#interaction, body)
    } catch (error) {
      this.#isDead = true
      throw error
    }
  }

  async #edit(body: MessageBody, files: readonly ViewFile[]): Promise<void> {
    await this.#parts.webhooks.patch(
      Routes.webhookMessage(this.#interaction.application_id, this.#interaction.token, '@original'),
      { auth: false, body, files: files.map(toRawFile) },
    )
    this.#isCard ||= isCardBody(body)
  }

  async #followUp(
    bodies: readonly MessageBody[],
    confidential: boolean,
    files: readonly ViewFile[] = [],
  ): Promise<void> {
    for (const [index, body] of bodies.slice(0, PARTS_MAX).entries()) {
      const isLast = index === bodies.length - 1
      await this.#parts.webhooks.post(
        Routes.webhook(this.#interaction.application_id, this.#interaction.token),
        {
          auth: false,
          body: confidential ? withFlag(body, MessageFlags.Ephemeral) : body,
          files: isLast ? files.map(toRawFile) : [],
        },
      )
    }
  }

  async #remove(): Promise<void> {
    await this.#parts.webhooks.delete(
      Routes.webhookMessage(this.#interaction.application_id, this.#interaction.token, '@original'),
      { auth: false },
    )
  }

  /** Too late for the interaction. What is for one person alone is not said to all. */
  async #sayInChannel(view: View): Promise<void> {
    const channel = this.#interaction.channel?.id
    if (channel === undefined || this.#isConfidential || view.confidential === true) return
    if (!this.#parts.mayAnswerLate()) return
    const user = this.#interaction.member?.user ?? this.#interaction.user
    const note = this.#parts.say('lateAnswer', { mention: `<@${user?.id ?? ''}>` })
    const intro: View = { kind: 'note', tone: 'plain', text: note }
    for (const body of [...bodiesOf(intro, 'plain'), ...renderMessage(view, this.#parts.look)].slice(
      0,
      PARTS_MAX,
    )) {
      await this.#parts.rest.post(Routes.channelMessages(channel), {
        body,
        files: (body.attachments?.length ?? 0) > 0 ? (view.files ?? []).map(toRawFile) : [],
      })
    }
  }

  get #isExpired(): boolean {
    return this.#isDead || this.#parts.clock.monotonic() >= this.#expiresAt
  }

  /** Somebody waits for it and Discord keeps the place open: it is tried until Discord is well again, within limits. */
  #patiently(deliver: () => Promise<void>): Promise<void> {
    const { clock, random, stopping } = this.#parts
    return retry(clock, random, { ...PATIENCE, signal: stopping }, deliver)
  }

  /** Edits do not overtake each other. */
  #inTurn(edit: () => Promise<void>): Promise<void> {
    this.#edits = this.#edits.catch(() => {}).then(edit)
    return this.#edits
  }

  async #logged(deliver: () => Promise<void>): Promise<void> {
    try {
      await deliver()
    } catch (error) {
      const code = error instanceof DiscordAPIError ? error.code : (error as { code?: unknown }).code
      this.#parts.log.warn('answer not delivered', {
        interaction: this.#interaction.id,
        code: String(code ?? 'unknown'),
        reason: error instanceof DiscordAPIError ? error.message : (error as Error).message,
      })
    }
  }
}

/** Discord has closed the interaction before its time. */
function isOver(error: unknown): boolean {
  return error instanceof DiscordAPIError && OVER.includes(Number(error.code))
}

function bodiesOf(view: View, look: Look): MessageBody[] {
  return renderMessage(view, look)
}

function withFlag(body: MessageBody, flag: number): MessageBody {
  return { ...body, flags: (body.flags ?? 0) | flag }
}

function toRawFile(file: ViewFile): RawFile {
  return { name: file.name, data: Buffer.from(file.bytes) }
}
