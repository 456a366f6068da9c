import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'

/** Only the owner reads what a node keeps. */
export const FILE_MODE = 0o600
export const FOLDER_MODE = 0o700
/** A link in the place of a file could point out of the root. Windows has no such flag. */
export const { O_NOFOLLOW: NO_FOLLOW = 0 } = constants
/** How a file is opened for each purpose. */
export const OPEN_FLAGS = {
  read: constants.O_RDONLY | NO_FOLLOW,
  update: constants.O_RDWR | NO_FOLLOW,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW,
  'append-or-create': constants.O_RDWR | constants.O_CREAT | NO_FOLLOW,
} as const

/** Several calls to the file system that belong together; paths are absolute, bytes lie in shared memory. */
export type DiskWork =
  /** `folder` is made before the rename, unless it is empty. */
  | { kind: 'save'; path: string; temporary: string; folder: string; bytes: Uint8Array }
  | { kind: 'load'; path: string; into: Uint8Array }
  | { kind: 'sync-folders'; paths: readonly string[] }

/** How it went; `place` counts the paths of `sync-folders`. */
export type DiskOutcome =
  | { kind: 'done'; loadedBytes: number }
  | { kind: 'failed'; operation: string; place: number; code: string | undefined; message: string }

/** The call that is made, for whoever asks what failed. */
interface Step {
  operation: string
  place: number
}

/** Does it with calls that wait for the disk: in a thread that has nothing else to do. Never throws. */
export function doDiskWork(work: DiskWork): DiskOutcome {
  const step: Step = { operation: 'open', place: 0 }
  try {
    return { kind: 'done', loadedBytes: run(work, step) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { kind: 'failed', ...step, code, message }
  }
}

function run(work: DiskWork, step: Step): number {
  if (work.kind === 'load') return load(work, step)
  if (work.kind === 'save') save(work, step)
  else for (const path of work.paths) syncFolder(path, step)
  return 0
}

function save({ path, temporary, folder, bytes }: DiskWork & { kind: 'save' }, step: Step): void {
  const handle = openSync(temporary, OPEN_FLAGS.create, FILE_MODE)
  try {
    step.operation = 'write'
    for (let written = 0; written < bytes.byteLength; ) {
      written += writeSync(handle, bytes, written, bytes.byteLength - written, written)
    }
    step.operation = 'sync'
    fdatasyncSync(handle)
  } finally {
    closeSync(handle)
  }
  if (folder !== '') {
    step.operation = 'create'
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  }
  step.operation = 'rename'
  renameSync(temporary, path)
}

function load({ path, into }: DiskWork & { kind: 'load' }, step: Step): number {
  const handle = openSync(path, OPEN_FLAGS.read)
  try {
    step.operation = 'read'
    let filled = 0
    while (filled < into.byteLength) {
      const count = readSync(handle, into, filled, into.byteLength - filled, filled)
      if (count === 0) break
      filled += count
    }
    return filled
  } finally {
    closeSync(handle)
  }
}

function syncFolder(path: string, step: Step): void {
  step.operation = 'open'
  const handle = openSync(path, constants.O_RDONLY)
  try {
    step.operation = 'sync'
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  step.place++
}
