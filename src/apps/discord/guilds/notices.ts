import { type REST, Routes } from 'discord.js'
import type { Clock, Timer } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import { type Look, renderMessage } from '../answers/render-message.ts'
import type { View } from '../answers/view.ts'
import { lookText } from '../views/finding-text.ts'
import { sayIn } from '../words/say.ts'
import type { GuildSettingsTable } from './guild-settings.ts'

const LOOK_INTERVAL_MS = 5 * 60_000
/** Servers that are told in one round. */
const GUILDS_MAX = 500

/** What notices are made of. */
export interface NoticeParts {
  clock: Clock
  log: Logger
  rest: Pick<REST, 'post'>
  look: Look
  guilds: GuildSettingsTable
  /** What needs a look at the node now; empty when all is well. */
  degraded: () => Promise<string[]>
}

/** Tells the servers that chose a channel for it when the node needs a look, and when it is well again; once each. */
export class Notices {
  readonly #parts: NoticeParts
  #told = ''
  #timer: Timer | undefined
  #isStopped = false

  constructor(parts: NoticeParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#isStopped) return
    this.#timer?.stop()
    this.#timer = this.#parts.clock.after(LOOK_INTERVAL_MS, () => {
      this.look()
        .catch((error: unknown) => this.#parts.log.warn('notice not given', { cause: error }))
        .finally(() => this.start())
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.stop()
  }

  /** Looks now, and tells what changed. */
  async look(): Promise<void> {
    const { degraded, guilds, log, look, rest } = this.#parts
    const names = (await degraded()).sort()
    const now = names.join(', ')
    if (now === this.#told) return
    this.#told = now
    for (const guild of guilds.withNotices(GUILDS_MAX)) {
      const { noticesChannel, language } = guilds.of(guild)
      if (noticesChannel === undefined) continue
      const say = sayIn(language)
      const text =
        now === ''
          ? say('status.well')
          : `${say('status.look')}: ${names.map((name) => lookText(say, name)).join(', ')}`
      const view: View = { kind: 'card', tone: now === '' ? 'good' : 'warning', text }
      const [body] = renderMessage(view, look)
      try {
        await rest.post(Routes.channelMessages(noticesChannel), { body })
      } catch (error) {
        log.info('notice refused', { guild, reason: (error as Error).message })
      }
    }
  }
}
