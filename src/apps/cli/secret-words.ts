import { open } from 'node:fs/promises'
import { InvalidInputError } from '../../core/errors.ts'
import { UsageError } from './errors.ts'
import type { CliCommand } from './options.ts'
import type { ParsedWords } from './parse-words.ts'
import type { Terminal } from './terminal.ts'

/** Words that may hold a key or a secret: links and invites. */
const SECRET_KEYS = ['id', 'link']
/** Longer is no link. */
const WORD_BYTES_MAX = 16 * 1024

/**
 * Puts in the links that were not typed: `-` stands for a line of standard input, `@FILE` for what a file holds.
 * @throws UsageError, InvalidInputError
 */
export async function readSecretWords(
  command: CliCommand,
  parsed: ParsedWords,
  terminal: Terminal,
): Promise<void> {
  for (const key of command.positional.filter((name) => SECRET_KEYS.includes(name))) {
    const word = parsed.values[key]
    if (word === '-') {
      if (terminal.readsFromScreen) terminal.note('Paste the link and press Enter:')
      parsed.values[key] = await readLine(terminal.input)
    } else if (typeof word === 'string' && word.startsWith('@')) {
      parsed.values[key] = await readSmallFile(word.slice(1))
    }
  }
}

async function readLine(input: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of input) {
    pieces.push(piece)
    bytes += piece.byteLength
    if (bytes > WORD_BYTES_MAX || piece.includes(0x0a)) break
  }
  const [line = ''] = Buffer.concat(pieces).toString('utf8').trim().split('\n')
  if (line.trim() !== '' && bytes <= WORD_BYTES_MAX) return line.trim()
  throw new InvalidInputError({ what: 'The link', reason: 'standard input has none' })
}

async function readSmallFile(path: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(WORD_BYTES_MAX), 0, WORD_BYTES_MAX, 0)
      return buffer.subarray(0, bytesRead).toString('utf8').trim()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new UsageError({
      message: `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`,
      hint: '`@FILE` stands for the link in a file, `-` for one on standard input.',
    })
  }
}
