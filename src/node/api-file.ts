import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../storage/disk.ts'

/** Stands in the data folder while a node runs: where its API is and the token that owns it. */
const API_FILE = 'api.json'

/** Where a running node is to be asked. */
export interface ApiAccess {
  /** `http://host:port`. */
  url: string
  /** A secret. */
  token: string
  pid: number
}

/** Tells other programs of this user where the node is (0600). */
export async function writeApiFile(disk: Disk, access: ApiAccess): Promise<void> {
  await disk.writeFile(API_FILE, Buffer.from(`${JSON.stringify(access)}\n`), { mode: 0o600 })
}

/** Takes it away when the node stops. */
export async function removeApiFile(disk: Disk): Promise<void> {
  await disk.remove(API_FILE)
}

/** How to reach the node that runs on a data folder; undefined when none says so. It may have been killed since. */
export async function readApiFile(home: string): Promise<ApiAccess | undefined> {
  try {
    const { url, token, pid } = JSON.parse(await readFile(join(home, API_FILE), 'utf8')) as Partial<ApiAccess>
    if (typeof url !== 'string' || typeof token !== 'string' || typeof pid !== 'number') return undefined
    return /^http:\/\/[^/\s]+$/.test(url) ? { url, token, pid } : undefined
  } catch {
    return undefined
  }
}
