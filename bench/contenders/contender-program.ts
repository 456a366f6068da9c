/**
 * How a contender's program speaks with the benchmark, in lines of JSON. `seed FILE FOLDER` makes a file
 * available and prints where; `fetch WHERE OUTPUT FOLDER` gets ready, prints that, waits for a line on standard
 * input, fetches, and prints the seconds. Starting and connecting are not timed; checking and storing are.
 * `publish FILE FOLDER` gets ready, waits for the line, takes the file in, and prints the seconds.
 */
import { once } from 'node:events'

/** Says something to the benchmark. */
export function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Says that all is ready, waits for the sign, and says how long the work took. */
export async function timed(work: () => Promise<void>): Promise<void> {
  say({ ready: true })
  await once(process.stdin, 'data')
  const begin = performance.now()
  await work()
  say({ seconds: (performance.now() - begin) / 1000 })
}

/** The words after the role. */
export function wordsOf(count: number): string[] {
  const words = process.argv.slice(3)
  if (words.length !== count) throw new Error(`${process.argv[2]} takes ${count} words, not ${words.length}.`)
  return words
}

/** The benchmark's end is ours: its standard input closes. */
export function endWithTheBenchmark(): void {
  process.stdin.on('end', () => process.exit()).resume()
}
