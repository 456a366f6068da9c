import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../storage/disk.ts'
import type { ConfigInput } from './config.ts'
import { ConfigError } from './errors.ts'

/** Name of the settings file in the data folder. */
export const CONFIG_FILE = 'config.json'
/** A settings file is small; a longer one is not ours. */
const CONFIG_BYTES_MAX = 256 * 1024

/**
 * The settings in a data folder; empty when there is no file.
 * @throws ConfigError when the file is there and is no JSON object.
 */
export async function readConfigFile(home: string): Promise<ConfigInput> {
  let bytes: Buffer
  try {
    bytes = await readFile(join(home, CONFIG_FILE))
  } catch (error) {
    const systemCode = String((error as NodeJS.ErrnoException).code)
    if (systemCode === 'ENOENT' || systemCode === 'ENOTDIR') return {}
    throw unreadable(`cannot be read (${systemCode})`)
  }
  return parseConfig(bytes)
}

/** Replaces the settings file; a crash leaves the old or the new one. */
export async function writeConfigFile(disk: Disk, settings: ConfigInput): Promise<void> {
  await disk.writeFile(CONFIG_FILE, Buffer.from(`${JSON.stringify(settings, undefined, 2)}\n`), {
    mode: 0o600,
  })
}

function parseConfig(bytes: Uint8Array): ConfigInput {
  if (bytes.byteLength > CONFIG_BYTES_MAX) throw unreadable(`is longer than ${CONFIG_BYTES_MAX} bytes`)
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw unreadable(`is not JSON: ${(error as Error).message}`)
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as ConfigInput
  throw unreadable('is not a JSON object')
}

function unreadable(reason: string): ConfigError {
  return new ConfigError({ faults: [{ key: CONFIG_FILE, source: 'data folder', reason }] })
}
