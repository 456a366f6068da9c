import { readFileSync } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'

const EXIT_WRONG_WORDS = 2

/**
 * The words of a program for contributors. `--help` prints the comment that its file begins with and ends it; a word
 * that it does not know is named, without a stack trace, and ends it with 2.
 * @param file the program's own, `import.meta.filename`.
 */
export function readWords<Config extends ParseArgsConfig>(
  file: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    console.log(headOf(file))
    process.exit()
  }
  try {
    return parseArgs(config)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${headOf(file)}`)
    process.exit(EXIT_WRONG_WORDS)
  }
}

/** The first block comment of a file, as plain text. */
function headOf(file: string): string {
  const [, comment = ''] = /\/\*\*\n(.*?)\n \*\//s.exec(readFileSync(file, 'utf8')) ?? []
  return comment.replaceAll(/^ \* ?/gm, '')
}
