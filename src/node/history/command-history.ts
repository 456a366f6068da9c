/** `ok` or the code of the error that ended it. */
export type CommandOutcome = string

/** One command that somebody gave; never what they said with it. */
export interface HistoryEntry {
  /** 12 hex digits, the same as in the log. */
  correlationId: string
  /** Milliseconds since 1970. */
  at: number
  caller: string
  /** Where several people ask together; undefined for a person alone. */
  group?: string
  command: string
  /** What of several things it did, such as `run` of `task`. */
  action?: string
  outcome: CommandOutcome
  durationMs: number
}

/** Which entries; every field narrows. */
export interface HistoryQuery {
  caller?: string
  group?: string
  command?: string
  /** From this time on, in milliseconds since 1970. */
  since?: number
  /** Before this time. */
  before?: number
  /** At most so many. @default 50 */
  limit?: number
}

/** How one command was used. */
export interface CommandUse {
  command: string
  count: number
  /** Of them, how many ended with an error. */
  failed: number
  /** Different people. */
  callers: number
  averageMs: number
  slowestMs: number
}

/** Entries that one question may bring. */
export const HISTORY_LIMIT_MAX = 1_000

/** Who asked for what and how it ended: for the people themselves, for stewards, and for finding faults. */
export interface CommandHistory {
  /** Takes an entry; it may be written a moment later. Never throws: a command does not fail for its entry. */
  note(entry: HistoryEntry): void
  /** Newest first. */
  list(query: HistoryQuery): Promise<HistoryEntry[]>
  /** How each command was used, the most used first. */
  summary(query: Pick<HistoryQuery, 'group' | 'since'>): Promise<CommandUse[]>
  /** Forgets a person; returns how many entries that were. */
  erase(caller: string): Promise<number>
  /** Writes what waits, and ends. */
  stop(): Promise<void>
}
