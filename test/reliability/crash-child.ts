/**
 * What R-01 kills: storage at work on a real disk, every acknowledgement written to a file (which outlives the
 * process). With a crash point it kills itself there, at the n-th time; otherwise somebody else does.
 *
 *   node test/reliability/crash-child.ts FOLDER ACKNOWLEDGEMENTS SEED [POINT N]
 */
import { openSync, writeSync } from 'node:fs'
import { SeededRandom } from '../../src/core/random.ts'
import { createFileDisk } from '../../src/storage/file-disk.ts'
import { hookDisk, type StorageCall, type StorageHooks } from './hooked-disk.ts'
import { openStorageUnderTest, workOnStorage } from './storage-under-test.ts'

/** Where the process may end: right before or right after a call of the disk or the index. */
export const CRASH_POINTS: readonly {
  name: string
  when: 'before' | 'after'
  operation: string
  path: RegExp
}[] = [
  { name: 'chunk file created', when: 'after', operation: 'create', path: /^chunks\/tmp\// },
  { name: 'chunk bytes written', when: 'after', operation: 'write', path: /^chunks\/tmp\// },
  { name: 'chunk bytes synced', when: 'after', operation: 'sync', path: /^chunks\/tmp\// },
  { name: 'fan-out folder made', when: 'after', operation: 'makeFolder', path: /^chunks\/..$/ },
  { name: 'chunk file renamed', when: 'after', operation: 'rename', path: /^chunks\/..\// },
  { name: 'chunk name synced', when: 'after', operation: 'syncFolder', path: /^chunks\/..$/ },
  { name: 'fan-out folder synced', when: 'after', operation: 'syncFolder', path: /^chunks$/ },
  { name: 'index row written', when: 'after', operation: 'statement', path: /^index$/ },
  { name: 'index before commit', when: 'before', operation: 'commit', path: /^index$/ },
  { name: 'index committed', when: 'after', operation: 'commit', path: /^index$/ },
  { name: 'pack created', when: 'after', operation: 'create', path: /^chunks\/packs\// },
  { name: 'pack name synced', when: 'after', operation: 'syncFolder', path: /^chunks\/packs$/ },
  { name: 'pack appended', when: 'after', operation: 'write', path: /^chunks\/packs\// },
  { name: 'pack synced', when: 'after', operation: 'sync', path: /^chunks\/packs\// },
  { name: 'pack tail cut', when: 'after', operation: 'truncate', path: /^chunks\/packs\// },
  { name: 'rewritten pack about to go', when: 'before', operation: 'remove', path: /^chunks\/packs\// },
  { name: 'rewritten pack gone', when: 'after', operation: 'remove', path: /^chunks\/packs\// },
  { name: 'chunk file removed', when: 'after', operation: 'remove', path: /^chunks\/..\// },
  { name: 'leftover removed', when: 'after', operation: 'remove', path: /^chunks\/tmp\// },
  { name: 'marker written', when: 'after', operation: 'writeFile', path: /kizuna-chunks$/ },
  { name: 'seal taken away', when: 'after', operation: 'remove', path: /seal$/ },
  { name: 'index copied', when: 'after', operation: 'copyDatabase', path: /copy$/ },
]

if (process.argv[1] === import.meta.filename) {
  const [folder = '', acknowledgements = '', seed = '1', point, count = '1'] = process.argv.slice(2)
  await work(folder, acknowledgements, Number(seed), hooksOf(point, Number(count)))
}

async function work(
  folder: string,
  acknowledgements: string,
  seed: number,
  hooks: StorageHooks,
): Promise<void> {
  const file = openSync(acknowledgements, 'a')
  const storage = await openStorageUnderTest(hookDisk(createFileDisk(folder), hooks), { hooks })
  writeSync(1, 'ready\n')
  await workOnStorage(storage, {
    random: new SeededRandom(seed),
    steps: Number.POSITIVE_INFINITY,
    acknowledge: (line) => writeSync(file, `${line}\n`),
  })
}

function hooksOf(name: string | undefined, count: number): StorageHooks {
  const point = CRASH_POINTS.find((one) => one.name === name)
  if (point === undefined) return {}
  let left = count
  const hook = ({ operation, path }: StorageCall) => {
    if (operation !== point.operation || !point.path.test(path) || --left > 0) return
    // Said aloud first, so that it is known which points were really reached.
    writeSync(1, 'reached\n')
    process.kill(process.pid, 'SIGKILL')
    // The signal is on its way; nothing more may happen.
    for (;;);
  }
  return point.when === 'before' ? { before: hook } : { after: hook }
}
