/**
 * Swaps folders inside the root for links to the outside and back, as fast as it can, until its parent is gone:
 * the folder that is being shared, and the hidden one into which a folder is being received.
 */
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [world = ''] = process.argv.slice(2)
const root = join(world, 'root', 'races')
const target = join(world, 'outside', 'deep')
let count = 0
process.stdin.on('close', () => process.exit(0))
process.stdin.resume()

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // The other side was quicker.
  }
}

function swap(folder: string): void {
  const aside = join(root, `aside-${count++}`)
  quietly(() => renameSync(folder, aside))
  quietly(() => symlinkSync(target, folder))
  quietly(() => renameSync(folder, `${aside}-link`))
  quietly(() => renameSync(aside, folder))
  quietly(() => mkdirSync(folder))
}

function round(): void {
  swap(join(root, 'raced', 'a'))
  quietly(() => writeFileSync(join(root, 'raced', 'a', 'x.bin'), 'inside', { flag: 'wx' }))
  const parts = readdirSync(root).filter((name) => name.endsWith('.kizuna-part'))
  for (const part of parts) {
    swap(join(root, part, 'a'))
    if (count % 8 === 0) swap(join(root, part))
  }
  setImmediate(round)
}

round()
