import type { z } from 'zod'
import type { Services } from '../node/services.ts'

/** Who may ask: anyone who reaches the app, a member of the space, or the node's owner (holder of its token). */
export type Permission = 'anyone' | 'member' | 'owner'

/** How far a command has come; apps draw it as a bar, an event or an edited message. */
export interface CommandProgress {
  /** A short verb phrase such as `reading` or `copying to peers`. */
  phase: string
  done: number
  total: number | undefined
  unit: 'bytes' | 'chunks' | 'files' | 'items'
  peers?: number
}

/** What a running command gets besides its input. */
export interface CommandContext {
  signal: AbortSignal
  progress: (update: CommandProgress) => void
  /** Bytes that came with the request (an upload, standard input), when there are any. */
  body?: AsyncIterable<Uint8Array>
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
  /** A member's command that changes what this node holds: a token that may only read does not do. */
  changes?: boolean
  /** `heavy` commands count ten times against the caller's rate. */
  cost: 'light' | 'heavy'
  /** Every field carries `.describe()`. */
  input: Input
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
