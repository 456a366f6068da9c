import { mkdirSync } from 'node:fs'
import { createStream } from 'rotating-file-stream'

const FILE = 'kizuna.log'
/** When a new file begins. */
const SIZE = '10M'
const AGE = '1d'
const FILES_MAX = 14

/** A log on disk; never an error for whoever writes. */
export interface LogFile {
  write(line: string): void
  /** Writes what waits and closes. */
  finish(): Promise<void>
}

/**
 * Appends to `kizuna.log` in a folder that only its owner can look into (0700). After 10 MB or a day it becomes
 * `kizuna.log.1`, and so on to 14. While the disk does not take them, at most `waitingMax` bytes of lines wait.
 */
export function openLogFile(folder: string, { waitingMax }: { waitingMax: number }): LogFile {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stream = createStream(FILE, {
    path: folder,
    size: SIZE,
    interval: AGE,
    rotate: FILES_MAX,
    mode: 0o600,
  })
  let isBroken = false
  stream.on('error', () => {
    isBroken = true
  })
  return {
    write(line) {
      if (!isBroken && stream.writableLength < waitingMax) stream.write(line)
    },
    finish: () =>
      new Promise((resolve) => {
        if (isBroken || stream.destroyed) resolve()
        stream.once('error', () => resolve())
        stream.end(() => resolve())
      }),
  }
}
