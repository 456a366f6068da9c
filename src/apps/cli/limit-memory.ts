/**
 * How large V8 lets the young generation's semi-spaces grow, in MiB. With its own choice of 32, three of them
 * make up half of the memory that a node gains while gigabytes pass through it; with 16 the transfer is as fast
 * (`bench/memory.ts`: 233 MiB above the base became 136).
 */
const SEMI_SPACE_MIB = 16
const FLAG = '--max-semi-space-size'

/**
 * Replaces this process by the same one with a smaller young generation; the process id, the streams and the
 * supervisor stay. V8 takes the flag at its start only, and a line `#!` cannot carry it everywhere. Does nothing
 * where the flag is given already, as by our npm scripts (it saves 50 ms), and no other environment is wanted; nor
 * where a process cannot be replaced (Windows).
 *
 * @param environment for the new process, where its own is not right; see `environmentWithFewArenas`.
 */
export function limitMemory(environment: NodeJS.ProcessEnv | undefined): void {
  const isGiven = process.execArgv.some((word) => word.startsWith(FLAG))
  const { execve } = process
  if ((isGiven && environment === undefined) || execve === undefined || process.platform === 'win32') return
  const flags = isGiven ? [] : [`${FLAG}=${SEMI_SPACE_MIB}`]
  const words = [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)]
  execve.call(process, process.execPath, words, environment)
}
