import type { Writable } from 'node:stream'
import type { ProgressOutput } from './progress-bar.ts'

/** Where the CLI reads and writes; tests give their own. */
export interface Terminal {
  /** A line for whoever asked: results. */
  print(text: string): void
  /** A line beside the result: notes, progress, errors. */
  note(text: string): void
  /** Where progress is drawn: standard error. */
  readonly progress: ProgressOutput
  /** Bytes to standard output, no faster than they are taken. */
  writeBytes(bytes: Uint8Array): Promise<void>
  readonly input: AsyncIterable<Uint8Array>
  /** Somebody types standard input. */
  readonly readsFromScreen: boolean
  /** Somebody looks at standard output. */
  readonly printsToScreen: boolean
}

/** The terminal of this process. @param onReaderGone nobody reads standard output any more, as after `| head`. */
export function processTerminal(onReaderGone: () => void): Terminal {
  const { stdout, stderr, stdin } = process
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') onReaderGone()
  })
  stderr.on('error', () => {})
  return {
    print: (text) => {
      stdout.write(`${text}\n`)
    },
    note: (text) => {
      stderr.write(`${text}\n`)
    },
    progress: stderr,
    writeBytes: (bytes) => writeAll(stdout, bytes),
    input: stdin,
    readsFromScreen: stdin.isTTY === true,
    printsToScreen: stdout.isTTY === true,
  }
}

/** Text without what could move the cursor or reverse its direction: names come from strangers. */
export function safeText(text: string): string {
  return text.replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\u{fffd}')
}

function writeAll(stream: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
}
