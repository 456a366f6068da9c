import type { Clock, Timer } from '../../../core/clock.ts'
import type { PersonalDataSource } from '../../../core/personal-data.ts'
import type { Services } from '../../../node/services.ts'

const STEPS = [
  `CREATE TABLE discord_member (
     person TEXT NOT NULL, guild TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (person, guild)
   ) STRICT`,
]
/** Who was a member this lately still is in a direct message, where Discord tells nothing about roles. */
const KNOWN_FOR_MS = 30 * 24 * 60 * 60_000
/** A day's precision is enough, and saves a write per command. */
const NOTE_AGAIN_MS = 24 * 60 * 60_000
/** Many people may ask at once: what was noted is written together. */
const WRITE_AFTER_MS = 1_000
/** Beyond this it is written at once. */
const WAITING_MAX = 2_000
/** People whose note was looked up lately. */
const HELD_MAX = 20_000

interface Note {
  person: string
  guild: string
  /** Undefined: no member any more. */
  seenAt: number | undefined
}

/**
 * Who asked as a member of a server lately, so that the same person is a member in a direct message with the bot.
 * Losing membership in the server ends it as soon as the person is seen there without it.
 */
export class KnownMembers implements PersonalDataSource {
  readonly name = 'discord membership'
  readonly #index: Services['index']
  readonly #clock: Clock
  /** When each was noted last, by person and server; 0: is not. What is not here is asked of the index. */
  readonly #held = new Map<string, number>()
  readonly #waiting = new Map<string, Note>()
  #timer: Timer | undefined

  constructor(parts: { index: Services['index']; clock: Clock }) {
    this.#index = parts.index
    this.#clock = parts.clock
    this.#index.migrate('discord members', STEPS)
  }

  /** Notes how somebody asked in a server. */
  note(person: string, guild: string, isMember: boolean): void {
    const notedAt = this.#notedAt(person, guild)
    const now = this.#clock.now()
    if (isMember ? now - notedAt < NOTE_AGAIN_MS : notedAt === 0) return
    const seenAt = isMember ? now : undefined
    const key = `${person} ${guild}`
    this.#hold(key, seenAt ?? 0)
    this.#waiting.set(key, { person, guild, seenAt })
    if (this.#waiting.size >= WAITING_MAX) this.write()
    else this.#timer ??= this.#clock.after(WRITE_AFTER_MS, () => this.write())
  }

  /** The bot is no longer in the server. */
  forgetGuild(guild: string): void {
    this.write()
    this.#held.clear()
    this.#index.run('DELETE FROM discord_member WHERE guild = ?', guild)
  }

  /** Whether the person was a member somewhere lately. */
  has(person: string): boolean {
    this.write()
    const since = this.#clock.now() - KNOWN_FOR_MS
    return (
      this.#index.get('SELECT 1 FROM discord_member WHERE person = ? AND seen_at >= ?', person, since) !==
      undefined
    )
  }

  /** Writes what was noted; also before the index closes. */
  write(): void {
    this.#timer?.stop()
    this.#timer = undefined
    if (this.#waiting.size === 0) return
    this.#index.transaction(() => {
      for (const { person, guild, seenAt } of this.#waiting.values()) {
        if (seenAt === undefined)
          this.#index.run('DELETE FROM discord_member WHERE person = ? AND guild = ?', person, guild)
        else
          this.#index.run(
            'INSERT OR REPLACE INTO discord_member (person, guild, seen_at) VALUES (?, ?, ?)',
            person,
            guild,
            seenAt,
          )
      }
    })
    this.#waiting.clear()
  }

  async *exportOf(person: string): AsyncGenerator<unknown> {
    this.write()
    yield* this.#index.all('SELECT guild, seen_at AS seenAt FROM discord_member WHERE person = ?', person)
  }

  async eraseOf(person: string): Promise<number> {
    this.write()
    this.#held.clear()
    return this.#index.run('DELETE FROM discord_member WHERE person = ?', person).changes
  }

  #notedAt(person: string, guild: string): number {
    const key = `${person} ${guild}`
    const held = this.#held.get(key)
    if (held !== undefined) return held
    const row = this.#index.get<{ seen_at: number }>(
      'SELECT seen_at FROM discord_member WHERE person = ? AND guild = ?',
      person,
      guild,
    )
    this.#hold(key, row?.seen_at ?? 0)
    return row?.seen_at ?? 0
  }

  #hold(key: string, notedAt: number): void {
    if (this.#held.size >= HELD_MAX) this.#held.clear()
    this.#held.set(key, notedAt)
  }
}
