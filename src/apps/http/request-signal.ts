import type { FastifyReply } from 'fastify'
import { AbortedError } from '../../core/errors.ts'

/** Aborts when the asker went away before the answer was complete, or when the server stops. */
export function requestSignal(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new AbortedError({ what: 'The request' }))
  })
  return AbortSignal.any([gone.signal, stopping])
}
