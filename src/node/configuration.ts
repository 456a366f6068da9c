import type { Disk } from '../storage/disk.ts'
import {
  type ConfigInput,
  type ConfigSources,
  flagOf,
  isConfigKey,
  loadConfig,
  variableOf,
} from './config.ts'
import { readConfigFile, writeConfigFile } from './config-file.ts'
import {
  CONFIG_KEYS,
  type ConfigKey,
  type NodeConfig,
  nodeConfigSchema,
  RUNTIME_KEYS,
} from './config-schema.ts'
import { UnknownSettingError } from './errors.ts'

/** A setting as people look at it. */
export interface Setting {
  key: ConfigKey
  /** In force now. */
  value: unknown
  /** In `config.json`, when it is there; differs from `value` until a restart, or when a flag or variable wins. */
  stored: unknown
  description: string
  variable: string
  flag: string
  /** Takes effect while the node runs. */
  atOnce: boolean
}

/** Puts a changed setting into effect in the running node. */
export type ApplySetting = (key: ConfigKey, config: NodeConfig) => Promise<void> | void

/** Reads and changes a node's settings; changes are checked as a whole and kept in `config.json`. */
export class Configuration {
  readonly #parts: { disk: Disk; sources: ConfigSources }
  readonly #appliers = new Map<ConfigKey, ApplySetting>()
  #file: ConfigInput
  #current: NodeConfig

  constructor(parts: { disk: Disk; sources: ConfigSources }, started: NodeConfig) {
    this.#parts = parts
    this.#file = parts.sources.file ?? {}
    this.#current = started
  }

  /** Everything in force now. */
  get current(): NodeConfig {
    return this.#current
  }

  /** From now on `set` of these keys takes effect at once through `apply`. */
  onChange(keys: readonly ConfigKey[], apply: ApplySetting): void {
    for (const key of keys) this.#appliers.set(key, apply)
  }

  /** One setting. @throws UnknownSettingError */
  get(key: string): Setting {
    return this.#setting(checkedKey(key))
  }

  list(): Setting[] {
    return CONFIG_KEYS.map((key) => this.#setting(key))
  }

  /**
   * Stores a setting; undefined goes back to the default.
   * @returns whether it is in force already, or waits for the next start.
   * @throws UnknownSettingError, ConfigError when the whole would not be valid with it.
   */
  async set(name: string, raw: unknown): Promise<{ setting: Setting; inForce: boolean }> {
    const key = checkedKey(name)
    const home = this.#current.home
    const file: Record<string, unknown> = { ...(await readConfigFile(home)) }
    if (raw === undefined) delete file[key]
    else file[key] = raw
    // Who sets a thing now means it, whatever flag or variable the node was started with.
    const next = loadConfig({ ...without(this.#parts.sources, key), file })
    if (raw !== undefined)
      file[key] = loadConfig({ userHome: this.#parts.sources.userHome, flags: { home }, file })[key]
    const apply = this.#appliers.get(key)
    const changed = JSON.stringify(next[key]) !== JSON.stringify(this.#current[key])
    // First what may be refused, so that nothing is stored that is not so.
    if (changed && apply !== undefined) {
      await apply(key, next)
      this.#current = Object.freeze({ ...this.#current, [key]: next[key] })
    }
    await writeConfigFile(this.#parts.disk, file)
    this.#file = file
    return { setting: this.#setting(key), inForce: !changed || apply !== undefined }
  }

  #setting(key: ConfigKey): Setting {
    return {
      key,
      value: this.#current[key],
      stored: this.#file[key],
      description: nodeConfigSchema.shape[key].description ?? '',
      variable: variableOf(key),
      flag: flagOf(key),
      atOnce: RUNTIME_KEYS.includes(key),
    }
  }
}

/** The sources as if nobody had given this key. */
function without(sources: ConfigSources, key: ConfigKey): ConfigSources {
  const flags = { ...sources.flags }
  const variables = { ...sources.variables }
  delete flags[key]
  delete variables[variableOf(key)]
  return { ...sources, flags, variables }
}

function checkedKey(name: string): ConfigKey {
  // The flag's form is what people see most, so it is taken too.
  const key = name.replace(/^--/, '').replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
  if (!isConfigKey(key) || key === 'home') throw new UnknownSettingError({ key: name })
  return key
}
