import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { Writable } from 'node:stream'

/** Bytes read at once; 16 records of TLS. */
const READ_BYTES = 256 * 1024
/** One is read while others are sent. */
const BUFFERS = 4

/**
 * Sends a whole file and ends the stream, from a few buffers that are used again: fresh memory for each read would
 * cost more than encrypting it, and a limit that wastes time is none.
 */
export async function sendFile(file: string, to: Writable): Promise<void> {
  await using source = await open(file)
  const sent: Promise<unknown>[] = []
  const buffers = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(READ_BYTES))
  for (let turn = 0; ; turn = (turn + 1) % BUFFERS) {
    await sent[turn]
    const buffer = buffers[turn] as Buffer
    const { bytesRead } = await source.read(buffer, 0, READ_BYTES)
    if (bytesRead === 0) break
    const write = new Promise<void>((resolve, reject) => {
      to.write(buffer.subarray(0, bytesRead), (error) => (error ? reject(error) : resolve()))
    })
    // It is heard of when its buffer's turn comes.
    write.catch(() => {})
    sent[turn] = write
  }
  await Promise.all(sent)
  to.end()
  await once(to, 'close')
}
