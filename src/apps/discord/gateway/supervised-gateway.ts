import type { Client, REST } from 'discord.js'
import type { Clock, Timer } from '../../../core/clock.ts'
import { type KizunaError, toKizunaError } from '../../../core/kizuna-error.ts'
import type { Logger } from '../../../core/log.ts'
import type { Random } from '../../../core/random.ts'
import type { Secret } from '../../../core/secret.ts'
import type { Health } from '../../../node/health.ts'
import { type GatewayEvents, listen } from './listen.ts'
import { type IntentName, type OpenClient, openClient } from './open-client.ts'

/** Discord allows 1,000 logins a day. */
const AGAIN_MS = 5_000
const AGAIN_MS_MAX = 10 * 60_000

/** What the supervision is made of. */
export interface GatewayParts {
  clock: Clock
  random: Random
  log: Logger
  health: Health
  rest: REST
  events: Omit<GatewayEvents, 'lost' | 'connection'>
  /** Called whenever a client is ready: at the start, and again after a connection that was lost for good. */
  opened: (open: OpenClient) => Promise<void>
}

/** Keeps one connection to Discord: discord.js resumes by itself; what it gives up on is made anew here, patiently. */
export class SupervisedGateway {
  readonly #parts: GatewayParts
  readonly #options: { token: Secret<string>; intents: readonly IntentName[] }
  #client: Client | undefined
  #timer: Timer | undefined
  #waitMs = AGAIN_MS
  #isStopped = false
  #refused: readonly IntentName[] = []

  constructor(parts: GatewayParts, options: { token: Secret<string>; intents: readonly IntentName[] }) {
    this.#parts = parts
    this.#options = options
  }

  get client(): Client | undefined {
    return this.#client
  }

  /**
   * Connects for the first time. Where Discord cannot be reached it goes on trying.
   * @throws DiscordTokenInvalidError
   */
  async start(): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      const known = toKizunaError(error)
      this.#parts.health.set('discord', { state: 'down', error: known.message })
      if (known.kind === 'denied') throw known
      this.#openLater(known)
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.stop()
    await this.#client?.destroy()
    this.#client = undefined
  }

  async #open(): Promise<void> {
    const { log, rest, events } = this.#parts
    const open = await openClient(
      {
        rest,
        log,
        listen: (client) =>
          listen(client, {
            ...events,
            lost: (reason) => this.#lost(client, reason),
            connection: (isUp) => this.#noteConnection(isUp),
          }),
      },
      this.#options,
    )
    if (this.#isStopped) return open.client.destroy()
    this.#client = open.client
    await this.#parts.opened(open)
    this.#waitMs = AGAIN_MS
    if (open.refusedIntents.length > 0) log.warn('intents refused', { intents: open.refusedIntents })
    this.#refused = open.refusedIntents
    this.#noteConnection(true)
  }

  #noteConnection(isUp: boolean): void {
    if (this.#client === undefined) return
    const trouble = !isUp
      ? 'The connection is made again.'
      : this.#refused.length > 0
        ? `Not granted by Discord: ${this.#refused.join(', ')}.`
        : undefined
    this.#parts.health.set(
      'discord',
      trouble === undefined ? { state: 'ok' } : { state: 'degraded', error: trouble },
    )
  }

  #lost(client: Client, reason: string): void {
    // The first connection's end is told to whoever opens it.
    if (this.#isStopped || client !== this.#client) return
    this.#client = undefined
    this.#parts.log.warn('connection lost', { reason })
    this.#parts.health.set('discord', { state: 'down', error: `The connection is lost: ${reason}.` })
    void client.destroy().catch(() => {})
    this.#openLater(undefined)
  }

  #openLater(error: KizunaError | undefined): void {
    if (this.#isStopped) return
    const { clock, random, log } = this.#parts
    const waitMs = this.#waitMs / 2 + (random.fraction() * this.#waitMs) / 2
    this.#waitMs = Math.min(this.#waitMs * 2, AGAIN_MS_MAX)
    log.info('connecting again later', { waitMs: Math.round(waitMs), code: error?.code ?? 'lost' })
    this.#timer = clock.after(waitMs, () => {
      this.#open().catch((reason: unknown) => {
        const known = toKizunaError(reason)
        this.#parts.health.set('discord', { state: 'down', error: known.message })
        this.#openLater(known)
      })
    })
  }
}
