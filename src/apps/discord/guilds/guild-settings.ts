import { z } from 'zod'
import type { Services } from '../../../node/services.ts'

const STEPS = [
  `CREATE TABLE discord_guild (guild TEXT PRIMARY KEY, settings TEXT NOT NULL, welcomed_at INTEGER) STRICT`,
]
/** More roles than a menu of Discord takes. */
const ROLES_MAX = 25
/** Guilds whose settings are held in memory; SQLite has all. */
const HELD_MAX = 5_000

const snowflake = z.string().regex(/^\d{1,20}$/)
const schema = z.object({
  language: z.enum(['en', 'fr', 'ja', 'ru']).optional(),
  prefix: z
    .string()
    .regex(/^[^\s`@#/\\]{1,5}$/u)
    .optional(),
  memberRoles: z.array(snowflake).max(ROLES_MAX).default([]),
  stewardRoles: z.array(snowflake).max(ROLES_MAX).default([]),
  noticesChannel: snowflake.optional(),
})

/** What a server (Discord calls it a guild) chose in `/setup`. */
export type GuildSettings = Readonly<z.output<typeof schema>>
/** A change of it; `undefined` puts a thing back to its default. */
export type GuildChange = { readonly [Name in keyof GuildSettings]?: GuildSettings[Name] | undefined }

const DEFAULTS: GuildSettings = schema.parse({})

/** The settings of every server the bot is in. They live in the index, so that any process finds them. */
export class GuildSettingsTable {
  readonly #index: Services['index']
  readonly #held = new Map<string, GuildSettings>()

  constructor(index: Services['index']) {
    this.#index = index
    index.migrate('discord guilds', STEPS)
  }

  /** The server's settings, or the defaults. */
  of(guild: string | undefined): GuildSettings {
    if (guild === undefined) return DEFAULTS
    const held = this.#held.get(guild)
    if (held !== undefined) return held
    const row = this.#index.get<{ settings: string }>(
      'SELECT settings FROM discord_guild WHERE guild = ?',
      guild,
    )
    const settings = row === undefined ? DEFAULTS : schema.parse(JSON.parse(row.settings))
    if (this.#held.size >= HELD_MAX) this.#held.clear()
    this.#held.set(guild, settings)
    return settings
  }

  /** Keeps a change. @throws ZodError when a value is not one; apps check before. */
  change(guild: string, change: GuildChange): GuildSettings {
    const settings = schema.parse({ ...this.of(guild), ...change })
    this.#index.run(
      `INSERT INTO discord_guild (guild, settings) VALUES (?, ?)
       ON CONFLICT (guild) DO UPDATE SET settings = excluded.settings`,
      guild,
      JSON.stringify(settings),
    )
    this.#held.set(guild, settings)
    return settings
  }

  /** Servers that want notices, at most `limit`. */
  withNotices(limit: number): string[] {
    return this.#index
      .all<{ guild: string }>(
        `SELECT guild FROM discord_guild WHERE settings ->> 'noticesChannel' IS NOT NULL LIMIT ?`,
        limit,
      )
      .map(({ guild }) => guild)
  }

  /** True the first time only: then the server is to be welcomed. */
  firstMeeting(guild: string, at: number): boolean {
    return (
      this.#index.run(
        `INSERT INTO discord_guild (guild, settings, welcomed_at) VALUES (?, '{}', ?)
         ON CONFLICT (guild) DO UPDATE SET welcomed_at = excluded.welcomed_at WHERE welcomed_at IS NULL`,
        guild,
        at,
      ).changes > 0
    )
  }
}

/** Whether a text can be a prefix of typed commands. */
export function isPrefix(text: string): boolean {
  return schema.shape.prefix.safeParse(text).success
}
