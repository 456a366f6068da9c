import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { contradictions, takesLittle } from './config-contradictions.ts'
import { CONFIG_KEYS, type ConfigKey, type NodeConfig, nodeConfigSchema } from './config-schema.ts'
import { ConfigError, type ConfigFault } from './errors.ts'
import { PARENT_PID_VARIABLE } from './parent-watch.ts'

/** Settings by name, as they come from one place, unchecked. */
export type ConfigInput = Readonly<Record<string, unknown>>

/** Where settings come from; the earlier wins. */
export interface ConfigSources {
  /** By key (`apiPort`), already stripped of `--`. */
  flags?: ConfigInput
  /** Environment variables by their whole name. */
  variables?: Readonly<Record<string, string>>
  /** What `config.json` holds. */
  file?: ConfigInput
  /** Folder of the user, under which the default data folder lies. */
  userHome: string
}

/** The environment variable of a key: `apiPort` → `KIZUNA_API_PORT`. */
export function variableOf(key: ConfigKey): string {
  return `KIZUNA_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** The flag of a key: `apiPort` → `--api-port`. */
export function flagOf(key: ConfigKey): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** The data folder that flags and environment name; needed before `config.json` can be read. */
export function homeOf(sources: ConfigSources): string {
  const given = sources.flags?.home ?? sources.variables?.[variableOf('home')]
  return resolve(typeof given === 'string' && given !== '' ? given : join(sources.userHome, '.kizuna'))
}

/**
 * One complete, frozen configuration: flags over environment over `config.json` over defaults.
 * @throws ConfigError naming every fault of every source at once.
 */
export function loadConfig(sources: ConfigSources): NodeConfig {
  const faults: ConfigFault[] = []
  const given: Record<string, unknown> = {}
  const origin = new Map<string, string>()
  const take = (key: string, raw: unknown, source: string) => {
    given[key] = raw
    origin.set(key, source)
  }
  takeFile(sources.file ?? {}, take, faults)
  takeVariables(sources.variables ?? {}, take, faults)
  for (const [key, raw] of Object.entries(sources.flags ?? {})) {
    if (!isConfigKey(key)) faults.push({ key, source: 'flag', reason: 'is not a setting' })
    else if (raw !== undefined) take(key, raw, flagOf(key))
  }
  given.home = homeOf(sources)

  const parsed = nodeConfigSchema.safeParse(given)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const key = String(issue.path[0] ?? '')
      faults.push({ key, source: origin.get(key) ?? 'default', reason: issue.message })
    }
    throw new ConfigError({ faults: unique(faults) })
  }
  const config = parsed.data
  faults.push(...contradictions(config, origin))
  if (faults.length > 0) throw new ConfigError({ faults: unique(faults) })
  return deepFreeze(completed(config, origin))
}

/** Whether `text` names a setting. */
export function isConfigKey(text: string): text is ConfigKey {
  return (CONFIG_KEYS as readonly string[]).includes(text)
}

/** The folder where chunks lie. */
export function storageFolderOf(config: NodeConfig): string {
  return resolve(config.home, config.storageFolder === '' ? 'chunks' : config.storageFolder)
}

/** The folder for downloads without a named output. */
export function downloadFolderOf(config: NodeConfig): string {
  return resolve(config.home, config.downloadFolder === '' ? 'downloads' : config.downloadFolder)
}

type Take = (key: string, raw: unknown, source: string) => void

function takeFile(file: ConfigInput, take: Take, faults: ConfigFault[]): void {
  for (const [key, raw] of Object.entries(file)) {
    if (key === 'home') {
      faults.push({ key, source: 'config.json', reason: 'cannot be set in the folder that it names' })
    } else if (!isConfigKey(key)) faults.push({ key, source: 'config.json', reason: 'is not a setting' })
    else take(key, raw, 'config.json')
  }
}

/** Variables whose names begin with these belong to tests and to other parts. */
const FOREIGN_VARIABLES = /^KIZUNA_(TEST|BENCH)_/

function takeVariables(variables: Readonly<Record<string, string>>, take: Take, faults: ConfigFault[]): void {
  const keyOf = new Map(CONFIG_KEYS.map((key) => [variableOf(key), key]))
  for (const [name, text] of Object.entries(variables)) {
    const key = keyOf.get(name)
    if (key !== undefined) take(key, text, name)
    else if (name === PARENT_PID_VARIABLE) {
      if (!/^[1-9]\d{0,9}$/.test(text))
        faults.push({ key: name, source: 'environment', reason: 'must be the id of a process' })
    } else if (!FOREIGN_VARIABLES.test(name)) {
      faults.push({ key: name, source: 'environment', reason: 'is not a setting' })
    }
  }
}

/** What follows from the role and the machine where nothing else was said. */
function completed(config: NodeConfig, origin: ReadonlyMap<string, string>): NodeConfig {
  const full = { ...config }
  if (takesLittle(config)) {
    full.storageForOthersBytesMax = 0
    full.relayServer = 'off'
    if (!origin.has('tasksAtOnce')) full.tasksAtOnce = 0
  }
  if (config.role === 'seed' && !origin.has('relayServer')) full.relayServer = 'on'
  if (config.storageBytesMax > 0) {
    for (const key of ['storageForOthersBytesMax', 'cacheBytesMax'] as const) {
      if (!origin.has(key)) full[key] = Math.min(full[key], config.storageBytesMax)
    }
  }
  if (config.failureDomain === '') full.failureDomain = hostname().slice(0, 64)
  return full
}

function unique(faults: readonly ConfigFault[]): ConfigFault[] {
  return [...new Map(faults.map((fault) => [`${fault.key} ${fault.reason}`, fault])).values()]
}

function deepFreeze(config: NodeConfig): NodeConfig {
  for (const each of Object.values(config)) if (Array.isArray(each)) Object.freeze(each)
  return Object.freeze(config)
}
