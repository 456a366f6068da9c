import type { z } from 'zod'
import type { Services } from '../node/services.ts'

/**
 * Who may ask: anyone who reaches the app; a member of the space; a steward, who looks after a community where it
 * meets (on Discord: who may manage the server); the node's owner (holder of its token).
 */
export type Permission = 'anyone' | 'member' | 'steward' | 'owner'

/** Who asks, as the app established it. */
export interface Caller {
  /** Stable and no secret, such as `cli`, `api` or `discord:` and a user's id. */
  id: string
  permission: Permission
  /** Where several people ask together, such as `discord:` and a server's id; has a rate of its own. */
  group?: string
  /** Channels of the group that they may read, as the archive names them; none: those that everybody there may. */
  channels?: readonly string[]
  /** May look and fetch, and change nothing. */
  readOnly?: boolean
  /** Language of the person, such as `fr` (BCP 47). */
  locale?: string
}

/** How far a command has come; apps draw it as a bar, an event or an edited message. */
export interface CommandProgress {
  /** A short verb phrase such as `reading` or `copying to peers`. */
  phase: string
  done: number
  total: number | undefined
  unit: 'bytes' | 'chunks' | 'files' | 'items'
  peers?: number
}

/** What an app gives besides the input. */
export interface CommandRequest {
  signal: AbortSignal
  progress: (update: CommandProgress) => void
  /** Bytes that came with the request (an upload, standard input), when there are any. */
  body?: AsyncIterable<Uint8Array>
}

/** What a running command gets besides its input. */
export interface CommandContext extends CommandRequest {
  caller: Caller
  /** 12 hex digits, the same in the log, the history and the answer to a person who asks for help. */
  correlationId: string
}

/** One of several things that a command with the field `action` does. */
export interface CommandAction {
  /** One line, in the imperative, at most 80 characters. */
  summary: string
  /** @default the command's */
  permission?: Permission
  /** The input fields that it uses, besides `action`. */
  fields: readonly string[]
  /** @default the command's */
  changes?: boolean
  /** @default the command's */
  confidential?: boolean
}

/**
 * What a person can ask, written once. CLI flags, HTTP routes, OpenAPI and slash options are derived from it.
 * The result is plain JSON data.
 */
export interface Command<Input extends z.ZodObject = z.ZodObject, Result = unknown> {
  /** One lower-case word. */
  name: string
  /** One line, in the imperative, at most 80 characters. */
  summary: string
  /** One or two paragraphs and an example for `help`. */
  description: string
  permission: Permission
  /**
   * Whether it changes what this node or its space holds: only then is it in the audit log, and a token that may only
   * read does not do. A function where the input decides; it may be given an input that is not valid.
   * @default for the owner's commands true, for others false
   */
  changes?: boolean | ((input: Readonly<Record<string, unknown>>) => boolean)
  /** `heavy` commands count ten times against the caller's rate. */
  cost: 'light' | 'heavy'
  /** The answer is for the asker alone; an app shows it to nobody else. */
  confidential?: boolean
  /** Every field carries `.describe()`. */
  input: Input
  /** Input fields that only the owner may give. */
  ownerFields?: readonly (keyof z.infer<Input> & string)[]
  /** For a command whose field `action` chooses among several things: what each is. */
  actions?: Readonly<Record<string, CommandAction>>
  /** Input fields that the CLI takes without a flag, in order. */
  positional: readonly (keyof z.infer<Input> & string)[]
  /** The command ends by then. Long transfers end by lack of progress instead and leave this out. */
  timeoutMs?: number
  run(services: Services, input: z.output<Input>, context: CommandContext): Promise<Result>
}

/** Gives a command its types; nothing else. */
export function defineCommand<Input extends z.ZodObject, Result>(
  command: Command<Input, Result>,
): Command<Input, Result> {
  return command
}
