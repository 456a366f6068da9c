import type { Clock } from '../../../core/clock.ts'
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

/**
 * Who asked as a member of a server lately, so that the same person is a member in a direct message with the bot.
 * Losing membership in the server ends it as soon as the person is seen there without it.
 */
export class KnownMembers implements PersonalDataSource {
  readonly name = 'discord membership'
  readonly #index: Services['index']
  readonly #clock: Clock

  constructor(parts: { index: Services['index']; clock: Clock }) {
    this.#index = parts.index
    this.#clock = parts.clock
    this.#index.migrate('discord members', STEPS)
  }

  /** Notes how somebody asked in a server. */
  note(person: string, guild: string, isMember: boolean): void {
    const row = this.#row(person, guild)
    if (!isMember) {
      if (row !== undefined)
        this.#index.run('DELETE FROM discord_member WHERE person = ? AND guild = ?', person, guild)
      return
    }
    const now = this.#clock.now()
    if (row !== undefined && now - row.seen_at < NOTE_AGAIN_MS) return
    this.#index.run(
      'INSERT OR REPLACE INTO discord_member (person, guild, seen_at) VALUES (?, ?, ?)',
      person,
      guild,
      now,
    )
  }

  /** The bot is no longer in the server. */
  forgetGuild(guild: string): void {
    this.#index.run('DELETE FROM discord_member WHERE guild = ?', guild)
  }

  /** Whether the person was a member somewhere lately. */
  has(person: string): boolean {
    const since = this.#clock.now() - KNOWN_FOR_MS
    return (
      this.#index.get('SELECT 1 FROM discord_member WHERE person = ? AND seen_at >= ?', person, since) !==
      undefined
    )
  }

  async *exportOf(person: string): AsyncGenerator<unknown> {
    yield* this.#index.all('SELECT guild, seen_at AS seenAt FROM discord_member WHERE person = ?', person)
  }

  async eraseOf(person: string): Promise<number> {
    return this.#index.run('DELETE FROM discord_member WHERE person = ?', person).changes
  }

  #row(person: string, guild: string): { seen_at: number } | undefined {
    return this.#index.get('SELECT seen_at FROM discord_member WHERE person = ? AND guild = ?', person, guild)
  }
}
