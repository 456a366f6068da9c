import { createHash, type Hash, hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

/** What the thread is asked; answered in the order of the questions, `begin` and `end` not at all. */
export type DigestQuestion =
  | { kind: 'begin'; stream: number }
  | { kind: 'sha256'; id: number; bytes: Uint8Array }
  | { kind: 'update'; id: number; stream: number; bytes: Uint8Array }
  | { kind: 'digest'; id: number; stream: number }
  | { kind: 'end'; stream: number }

/** The answer to a question; an update has no digest. `isUnknown`: the stream began in a thread that is no more. */
export interface DigestAnswer {
  id: number
  digest?: Uint8Array
  isUnknown?: boolean
}

const streams = new Map<number, Hash>()

parentPort?.on('message', (question: DigestQuestion) => {
  if (question.kind === 'begin') streams.set(question.stream, createHash('sha256'))
  else if (question.kind === 'end') streams.delete(question.stream)
  else parentPort?.postMessage(answerTo(question))
})

function answerTo(question: Exclude<DigestQuestion, { kind: 'begin' | 'end' }>): DigestAnswer {
  const { kind, id } = question
  if (kind === 'sha256') return { id, digest: Uint8Array.from(hash('sha256', question.bytes, 'buffer')) }
  const whole = streams.get(question.stream)
  if (whole === undefined) return { id, isUnknown: true }
  if (kind === 'update') {
    whole.update(question.bytes)
    return { id }
  }
  streams.delete(question.stream)
  return { id, digest: Uint8Array.from(whole.digest()) }
}
