import type { Clock } from '../../core/clock.ts'
import { readApiFile } from '../../node/api-file.ts'
import { type ConfigSources, downloadFolderOf, homeOf, loadConfig, variableOf } from '../../node/config.ts'
import { readConfigFile } from '../../node/config-file.ts'
import type { Environment } from '../../node/environment.ts'
import type { NodeConnection } from './node-connection.ts'
import type { ParsedWords } from './parse-words.ts'
import { answers, connectToRunningNode } from './running-node.ts'
import type { Terminal } from './terminal.ts'

/** A node on the same machine answers in milliseconds. */
const ANSWER_TIMEOUT_MS = 3_000

/** What opening needs from outside. */
export interface Outside {
  terminal: Terminal
  environment: Environment
  clock: Clock
  signal: AbortSignal
}

/** The node that runs on the data folder, or one of our own for as long as the command takes. */
export async function openNode(
  command: string,
  outside: Outside,
  parsed: ParsedWords,
): Promise<{ node: NodeConnection; downloadFolder: string }> {
  const { environment, clock, signal, terminal } = outside
  const sources = await configSources(environment, parsed.home === undefined ? {} : { home: parsed.home })
  const config = loadConfig(sources)
  const downloadFolder = downloadFolderOf(config)
  const access = await readApiFile(config.home)
  if (access !== undefined && (await answers(access, clock.deadline(ANSWER_TIMEOUT_MS, signal)))) {
    return { node: connectToRunningNode(access), downloadFolder }
  }
  if (!parsed.json) {
    terminal.note(
      'No node is running on this data folder; this command runs one by itself for as long as it takes.',
    )
  }
  const [{ createNode }, { connectToOwnNode }] = await Promise.all([
    import('../../node/create-node.ts'),
    import('./own-node.ts'),
  ])
  const flags = { ...sources.flags, ...briefSettings(command, sources) }
  const node = await createNode(loadConfig({ ...sources, flags }), { sources })
  try {
    await node.start()
  } catch (error) {
    await node.stop()
    throw error
  }
  return { node: connectToOwnNode(node), downloadFolder }
}

/** Settings of a node that lives only for one command. */
function briefSettings(command: string, sources: ConfigSources): Record<string, unknown> {
  const { file = {}, variables = {} } = sources
  const isLogLevelSet = file.logLevel !== undefined || variables[variableOf('logLevel')] !== undefined
  return {
    upnp: false,
    logFolder: '',
    // What goes wrong is said by the command itself.
    ...(isLogLevelSet ? {} : { logLevel: 'error' }),
    // Nobody is told its addresses, and a fixed port may belong to another node of this machine. An invite tells
    // them, and has to name those of the node that will run later.
    ...(command === 'invite' ? {} : { port: 0, wsPort: -1, dhtPort: -1 }),
  }
}

/** Everything settings come from, for these flags. */
export async function configSources(
  environment: Environment,
  flags: Readonly<Record<string, unknown>>,
): Promise<ConfigSources> {
  const { variables, userHome } = environment
  const file = await readConfigFile(homeOf({ flags, variables, userHome }))
  return { flags, variables, file, userHome }
}
