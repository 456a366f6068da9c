import type { CommandProgress } from '../../commands/command.ts'

/** How a command call is made. */
export interface CommandCallOptions {
  signal: AbortSignal
  onProgress?: (progress: CommandProgress) => void
  /** Bytes that come with it. */
  body?: AsyncIterable<Uint8Array>
}

/** What to read of a content. */
export interface ContentCall {
  id: string
  /** 32 bytes in base64url, for private content. */
  key?: string
  /** First byte wanted. */
  offset: number
  /** No progress for this long ends it with the reason; default: the node's setting. */
  timeoutMs?: number
  signal: AbortSignal
}

/** The node that the CLI speaks to: one that runs, or one of its own. */
export interface NodeConnection {
  /** Whether it is a node that runs by itself. */
  readonly isRunning: boolean
  /** @throws the command's error, NodeLostError */
  run(command: string, input: Record<string, unknown>, options: CommandCallOptions): Promise<unknown>
  /**
   * The bytes of a file from `offset` on; may break off with NodeLostError. A piece is good only until the next is
   * asked for.
   */
  read(call: ContentCall): AsyncIterable<Uint8Array>
  close(): Promise<void>
}
