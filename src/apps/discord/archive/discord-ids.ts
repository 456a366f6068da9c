/** How ids of Discord begin in the archive. */
export const DISCORD_PREFIX = 'discord:'

/** Discord's own id of a channel, person or server that the archive names. */
export function snowflakeOf(id: string): string {
  return id.startsWith(DISCORD_PREFIX) ? id.slice(DISCORD_PREFIX.length) : id
}

/** The archive's id of something of Discord. */
export function archiveIdOf(snowflake: string): string {
  return `${DISCORD_PREFIX}${snowflake}`
}

/** The later of two ids; Discord's grow with time. */
export function laterOf(one: string, other: string): string {
  return isLater(other, one) ? other : one
}

/** Whether one id was made after another. */
export function isLater(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length
}
