import type { FileHandle } from 'node:fs/promises'

/** Read at a time: a call of the system for each, and two of them in memory (bytes). */
const PIECE_BYTES = 1024 * 1024

/**
 * A file's bytes from where it stands, for publishing: while one piece is in use the next is read, into the same two
 * buffers over and over. Each piece is good only until the next is asked for. Does not close the file; nothing of it is
 * being read any more when this has ended.
 */
export async function* readPieces(file: FileHandle, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let next = new Uint8Array(PIECE_BYTES)
  let used = new Uint8Array(PIECE_BYTES)
  let reading = file.read(next, 0, PIECE_BYTES)
  try {
    for (;;) {
      const { bytesRead } = await reading
      signal?.throwIfAborted()
      if (bytesRead === 0) return
      ;[next, used] = [used, next]
      reading = file.read(next, 0, PIECE_BYTES)
      // Whoever asks on gets the error.
      reading.catch(() => {})
      yield used.subarray(0, bytesRead)
    }
  } finally {
    await reading.catch(() => {})
  }
}
