/** Hashes what it is sent: runs in a thread of its own (`run-in-thread.ts`). */
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'

const hash = createHash((workerData as { algorithm: string }).algorithm)
let sizeBytes = 0

parentPort?.on('message', (message: { piece?: Uint8Array }) => {
  if (message.piece === undefined) {
    parentPort?.postMessage({ ok: true, result: { hex: hash.digest('hex'), sizeBytes } })
    return
  }
  hash.update(message.piece)
  sizeBytes += message.piece.byteLength
  parentPort?.postMessage('more')
})
