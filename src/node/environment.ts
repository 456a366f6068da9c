import { readFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { PARENT_PID_VARIABLE, type StartedBy } from './parent-watch.ts'
import { SECRET_VARIABLES } from './secrets.ts'

/** What the process was given from outside, read once; nothing else looks at `process.env`. */
export interface Environment extends StartedBy {
  /** Variables that begin with `KIZUNA_`, by their whole name. */
  readonly variables: Readonly<Record<string, string>>
  /** The variables of `secrets.ts`, by their whole name; for nobody else. */
  readonly secretVariables: Readonly<Record<string, string>>
  /** Region of AWS, when one is named. */
  readonly awsRegion: string
  /** The user's home folder. */
  readonly userHome: string
  readonly hostname: string
  /** False when `NO_COLOR` asks for plain text (no-color.org). */
  readonly colour: boolean
}

/** Names that people know from elsewhere, and the setting that each stands for where that one is not given. */
export const KNOWN_NAMES: Readonly<Record<string, string>> = {
  LOG_LEVEL: 'KIZUNA_LOG_LEVEL',
  IPFS_LOGGING: 'KIZUNA_NETWORK_DEBUG',
}
/** Where the package lies; `.env` files are read there and nowhere else, so that no other program's are taken. */
const PACKAGE_FOLDER = join(import.meta.dirname, '..', '..')
const ENVIRONMENT_VARIABLE = 'KIZUNA_ENVIRONMENT'
/** Set by `npm test`, so that nobody's own settings and secrets get into tests. */
const NO_FILES_VARIABLE = 'KIZUNA_TEST_NO_FILES'

/** So many places of its own for memory are enough for the threads of a node (glibc, mallopt(3)). */
const ARENAS_VARIABLE = 'MALLOC_ARENA_MAX'
const ARENAS_MAX = '2'

/**
 * The environment for a process that runs for long: glibc would give each of a dozen threads an arena, and what is
 * freed in one is of no use to the others (a node that peers join and leave all day: 120 MiB above its base became 85).
 * Undefined where that was decided already, and on systems without glibc's arenas.
 */
export function environmentWithFewArenas(): NodeJS.ProcessEnv | undefined {
  if (process.platform !== 'linux' || process.env[ARENAS_VARIABLE] !== undefined) return undefined
  return { ...process.env, [ARENAS_VARIABLE]: ARENAS_MAX }
}

/**
 * Reads the process's environment and, below it, `.env` and `.env.` with the environment's name in `folder`.
 * @param folder where those files lie. @default the checkout's root
 */
export function readEnvironment(folder: string = PACKAGE_FOLDER): Environment {
  const given = withFiles(process.env, folder)
  const variables: Record<string, string> = {}
  for (const [known, name] of Object.entries(KNOWN_NAMES)) {
    const text = given[known]
    if (text !== undefined && text !== '') variables[name] = text
  }
  for (const [name, text] of Object.entries(given)) {
    if (name.startsWith('KIZUNA_') && text !== undefined && text !== '') variables[name] = text
  }
  const secretVariables: Record<string, string> = {}
  for (const name of Object.values(SECRET_VARIABLES).flatMap((variable) => [variable, `${variable}_FILE`])) {
    const text = given[name]
    if (text !== undefined && text !== '') secretVariables[name] = text
  }
  const parentPid = Number(variables[PARENT_PID_VARIABLE])
  return {
    variables,
    secretVariables,
    awsRegion: given.AWS_REGION ?? '',
    parentPid: Number.isSafeInteger(parentPid) && parentPid > 0 ? parentPid : undefined,
    npmScript: process.env.npm_package_name === 'kizuna' ? process.env.npm_lifecycle_event : undefined,
    userHome: homedir(),
    hostname: hostname(),
    colour: (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb',
  }
}

/** The environment, and below it what the files say; the more particular file wins. */
function withFiles(
  environment: NodeJS.ProcessEnv,
  folder: string,
): Readonly<Record<string, string | undefined>> {
  if (folder === PACKAGE_FOLDER && environment[NO_FILES_VARIABLE] !== undefined) return environment
  const common = readVariables(join(folder, '.env'))
  const name = environment[ENVIRONMENT_VARIABLE] ?? common[ENVIRONMENT_VARIABLE]
  // A name from outside becomes part of a path: letters only.
  const particular =
    name !== undefined && /^[a-z]{1,20}$/.test(name) ? readVariables(join(folder, `.env.${name}`)) : {}
  return { ...common, ...particular, ...environment }
}

function readVariables(path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
