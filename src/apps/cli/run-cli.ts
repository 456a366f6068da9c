import { holdProcess, SystemClock } from '../../core/clock.ts'
import { AbortedError } from '../../core/errors.ts'
import { isKizunaError, type KizunaError, toKizunaError } from '../../core/kizuna-error.ts'
import { type Environment, readEnvironment } from '../../node/environment.ts'
import { watchParents } from '../../node/parent-watch.ts'
import type { ActionResult } from './action.ts'
import { CLI_ACTIONS, cliCommands } from './cli-commands.ts'
import { completionScript } from './completion.ts'
import { UsageError } from './errors.ts'
import { EXIT_CODES, EXIT_INTERRUPTED, EXIT_OK } from './exit-codes.ts'
import { commandText, overviewText } from './help-text.ts'
import { nearestWord } from './nearest-word.ts'
import { openNode } from './open-node.ts'
import type { CliCommand } from './options.ts'
import { type ParsedWords, parseWords } from './parse-words.ts'
import { ProgressBar } from './progress-bar.ts'
import { renderResult } from './render-result.ts'
import { readSecretWords } from './secret-words.ts'
import { processTerminal, safeText, type Terminal } from './terminal.ts'

/** Scripts of package.json that run this; what npm starts ends with npm. */
const NPM_SCRIPTS = ['start', 'kizuna', 'setup']
/** Saving and closing takes less; whatever hangs then must not outlive its parent. */
const ORPHAN_MS_MAX = 10_000

/**
 * Does what a command line says. Never throws; errors go to standard error as a sentence and a hint, with
 * `--json` as one JSON object.
 * @returns the exit code, see docs/using/cli.md.
 */
export async function runCli(words: readonly string[]): Promise<number> {
  const environment = readEnvironment()
  const json = words.includes('--json')
  const control = new AbortController()
  const hold = holdProcess()
  const interrupt = () => control.abort(new AbortedError({ what: 'The command' }))
  let isReaderGone = false
  const terminal = processTerminal(() => {
    // A node needs nobody who reads what it prints; a command has nobody left to answer.
    if (words[0] === 'start') return
    isReaderGone = true
    interrupt()
  })
  const clock = new SystemClock()
  const parents = watchParents(clock, environment, {
    npmScripts: NPM_SCRIPTS,
    gone: () => {
      interrupt()
      clock.after(ORPHAN_MS_MAX, () => process.exit(EXIT_INTERRUPTED))
    },
  })
  try {
    const [name, ...rest] = words
    const commands = cliCommands()
    if (name === undefined || name === '--help' || name === '-h') {
      terminal.print(overviewText(commands))
      return EXIT_OK
    }
    const command = findCommand(name, commands)
    const parsed = parseWords(command, rest)
    if (parsed.help) {
      terminal.print(commandText(command))
      return EXIT_OK
    }
    if (command.name === 'help') return help(terminal, commands, parsed)
    if (command.name === 'completion') {
      terminal.print(completionScript(String(parsed.values.shell), commands))
      return EXIT_OK
    }
    if (command.name === 'start') {
      const { startAction } = await import('./start-action.ts')
      return await startAction({ terminal, environment, signal: control.signal }, parsed)
    }
    process.once('SIGINT', interrupt)
    process.once('SIGTERM', interrupt)
    await readSecretWords(command, parsed, terminal)
    const result = await ask(command, parsed, { terminal, environment, signal: control.signal })
    if (result.data === undefined) return EXIT_OK
    terminal.print(parsed.json ? JSON.stringify(result.data) : result.text)
    return exitCodeOf(command.name, result.data)
  } catch (error) {
    if (isReaderGone) return EXIT_OK
    return fail(terminal, toKizunaError(error), { json, interrupted: control.signal.aborted })
  } finally {
    hold.stop()
    parents.stop()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

async function ask(
  command: CliCommand,
  parsed: ParsedWords,
  outside: { terminal: Terminal; environment: Environment; signal: AbortSignal },
): Promise<ActionResult> {
  const { terminal, signal } = outside
  const clock = new SystemClock()
  const bar = parsed.json ? undefined : new ProgressBar(clock, terminal.progress)
  const { node, downloadFolder } = await openNode(command.name, { ...outside, clock }, parsed)
  try {
    const action = CLI_ACTIONS[command.name]
    if (action !== undefined) {
      return await action.run({ node, clock, terminal, bar, signal, downloadFolder }, parsed.values)
    }
    const onProgress = (progress: Parameters<ProgressBar['update']>[0]) => bar?.update(progress)
    const data = await node.run(command.name, parsed.values, { signal, onProgress })
    bar?.clear()
    return { data, text: renderResult(command.name, data) }
  } finally {
    bar?.clear()
    await node.close()
  }
}

function help(terminal: Terminal, commands: readonly CliCommand[], parsed: ParsedWords): number {
  const wanted = parsed.values.command
  const chosen = wanted === undefined ? commands : [findCommand(String(wanted), commands)]
  if (parsed.json) terminal.print(JSON.stringify({ commands: chosen }))
  else terminal.print(wanted === undefined ? overviewText(commands) : commandText(chosen[0] as CliCommand))
  return EXIT_OK
}

function findCommand(name: string, commands: readonly CliCommand[]): CliCommand {
  const found = commands.find((command) => command.name === name)
  if (found !== undefined) return found
  const near = nearestWord(
    name,
    commands.map((command) => command.name),
  )
  if (name.startsWith('-')) {
    throw new UsageError({
      message: `A command comes first, and ${safeText(name.slice(0, 40))} after it.`,
      hint: '`kizuna help` lists the commands.',
    })
  }
  throw new UsageError({
    message: `There is no command “${safeText(name.slice(0, 40))}”.`,
    hint: near === undefined ? '`kizuna help` lists them all.' : `Did you mean \`kizuna ${near}\`?`,
  })
}

/** `doctor` that found something wrong says so to scripts, too, and `audit` that found something altered. */
function exitCodeOf(command: string, data: unknown): number {
  if (command === 'audit')
    return (data as { intact?: boolean }).intact === false ? EXIT_CODES.corrupt : EXIT_OK
  if (command !== 'doctor') return EXIT_OK
  const { readable, healthy } = data as { readable?: boolean; healthy?: boolean }
  return (readable ?? healthy) === false ? EXIT_CODES.unavailable : EXIT_OK
}

function fail(
  terminal: Terminal,
  error: KizunaError,
  { json, interrupted }: { json: boolean; interrupted: boolean },
): number {
  const isOurs = interrupted && isKizunaError(error, 'ABORTED')
  if (json) terminal.note(JSON.stringify({ error: error.toJSON() }))
  else terminal.note(`${isOurs ? 'Stopped.' : safeText(error.message)}\n  ${safeText(error.hint)}`)
  if (error.kind === 'internal' && error.cause instanceof Error) {
    terminal.note(`  Cause: ${safeText(error.cause.message)}`)
  }
  return isOurs ? EXIT_INTERRUPTED : EXIT_CODES[error.kind]
}
