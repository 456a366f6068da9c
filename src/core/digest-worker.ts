import type { Hash } from 'node:crypto'

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

/** The thread's side of the talk. */
export interface DigestPort {
  on(event: 'message', listener: (question: DigestQuestion) => void): unknown
  postMessage(answer: DigestAnswer): void
}

/**
 * The program of a thread that hashes. It names nothing outside itself: the thread gets its text. Loaded as a file it
 * would load what strips the types, too, which takes 40 ms and 17 MiB.
 */
export function answerDigests(port: DigestPort, { createHash, hash }: typeof import('node:crypto')): void {
  const streams = new Map<number, Hash>()

  port.on('message', (question) => {
    if (question.kind === 'begin') streams.set(question.stream, createHash('sha256'))
    else if (question.kind === 'end') streams.delete(question.stream)
    else port.postMessage(answerTo(question))
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
}

/** The text that a thread runs. */
export const DIGEST_PROGRAM = `(${answerDigests})(require('node:worker_threads').parentPort, require('node:crypto'))`
