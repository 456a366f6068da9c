import { homedir, hostname } from 'node:os'
import { PARENT_PID_VARIABLE, type StartedBy } from './parent-watch.ts'
import { SECRET_VARIABLES } from './secrets.ts'

/** What the process was given from outside, read once; nothing else looks at `process.env`. */
export interface Environment extends StartedBy {
  /** Variables that begin with `KIZUNA_`, by their whole name. */
  readonly variables: Readonly<Record<string, string>>
  /** The variables of `secrets.ts`, by their whole name; for nobody else. */
  readonly secretVariables: Readonly<Record<string, string>>
  /** The user's home folder. */
  readonly userHome: string
  readonly hostname: string
  /** False when `NO_COLOR` asks for plain text (no-color.org). */
  readonly colour: boolean
}

/** Names that people know from elsewhere, and the setting that each stands for where that one is not given. */
const KNOWN_NAMES: Readonly<Record<string, string>> = {
  LOG_LEVEL: 'KIZUNA_LOG_LEVEL',
  IPFS_LOGGING: 'KIZUNA_NETWORK_DEBUG',
}

/** Reads the process's environment. */
export function readEnvironment(): Environment {
  const variables: Record<string, string> = {}
  for (const [known, name] of Object.entries(KNOWN_NAMES)) {
    const text = process.env[known]
    if (text !== undefined && text !== '') variables[name] = text
  }
  for (const [name, text] of Object.entries(process.env)) {
    if (name.startsWith('KIZUNA_') && text !== undefined && text !== '') variables[name] = text
  }
  const secretVariables: Record<string, string> = {}
  for (const name of Object.values(SECRET_VARIABLES).flatMap((variable) => [variable, `${variable}_FILE`])) {
    const text = process.env[name]
    if (text !== undefined && text !== '') secretVariables[name] = text
  }
  const parentPid = Number(variables[PARENT_PID_VARIABLE])
  return {
    variables,
    secretVariables,
    parentPid: Number.isSafeInteger(parentPid) && parentPid > 0 ? parentPid : undefined,
    npmScript: process.env.npm_package_name === 'kizuna' ? process.env.npm_lifecycle_event : undefined,
    userHome: homedir(),
    hostname: hostname(),
    colour: (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb',
  }
}
