import { isKizunaError, type KizunaError, type SerialisedError } from '../../core/kizuna-error.ts'
import type { ApiAccess } from '../../node/api-file.ts'
import { NodeLostError, RemoteError } from './errors.ts'
import { readEvents } from './event-reader.ts'
import type { CommandCallOptions, ContentCall, NodeConnection } from './node-connection.ts'

/** An error body is small; a longer one is not ours. */
const ERROR_LENGTH_MAX = 64 * 1024

/** Speaks to a running node over its HTTP API. */
export function connectToRunningNode(access: ApiAccess): NodeConnection {
  const headers = { authorization: `Bearer ${access.token}` }

  const ask = async (path: string, init: RequestInit & { duplex?: 'half' }): Promise<Response> => {
    let response: Response
    try {
      response = await fetch(`${access.url}${path}`, { ...init, headers: { ...headers, ...init.headers } })
    } catch (error) {
      throw lost(access, init.signal, error)
    }
    if (response.ok) return response
    throw await errorOf(response)
  }

  return {
    isRunning: true,
    async run(command, input, options) {
      const response = await ask(...commandRequest(command, input, options))
      try {
        for await (const { event, data } of readEvents(response.body)) {
          if (event === 'progress') options.onProgress?.(JSON.parse(data))
          else if (event === 'result') return JSON.parse(data)
          else if (event === 'error') throw new RemoteError(JSON.parse(data) as SerialisedError)
        }
      } catch (error) {
        throw isKizunaError(error) ? error : lost(access, options.signal, error)
      }
      throw new NodeLostError({ url: access.url })
    },
    async *read({ id, key, offset, timeoutMs, signal }: ContentCall) {
      const query = timeoutMs === undefined ? '' : `?timeout=${timeoutMs}`
      const response = await ask(`/v1/content/${encodeURIComponent(id)}${query}`, {
        signal,
        headers: {
          ...(offset === 0 ? {} : { range: `bytes=${offset}-` }),
          ...(key === undefined ? {} : { 'x-kizuna-key': key }),
        },
      })
      // Bytes from the beginning in the place of those from the middle would make a wrong file.
      if (offset > 0 && response.status !== 206) throw new NodeLostError({ url: access.url })
      try {
        for await (const piece of response.body ?? []) yield piece as Uint8Array
      } catch (error) {
        throw lost(access, signal, error)
      }
    },
    close: async () => {},
  }
}

/** Whether a node answers there: it may have been killed and left its address behind. */
export async function answers(access: ApiAccess, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`${access.url}/health`, {
      signal,
      headers: { authorization: `Bearer ${access.token}` },
    })
    await response.body?.cancel()
    return response.status < 500
  } catch {
    return false
  }
}

function commandRequest(
  command: string,
  input: Record<string, unknown>,
  { signal, body }: CommandCallOptions,
): [string, RequestInit & { duplex?: 'half' }] {
  const accept = 'text/event-stream'
  if (body === undefined) {
    const headers = { accept, 'content-type': 'application/json' }
    return [`/v1/commands/${command}`, { method: 'POST', signal, headers, body: JSON.stringify(input) }]
  }
  const query = new URLSearchParams(
    Object.entries(input).map(([name, value]): [string, string] => [name, String(value)]),
  )
  const headers = { accept, 'content-type': 'application/octet-stream' }
  return [
    `/v1/${command}?${query}`,
    { method: 'POST', signal, headers, body: ReadableStream.from(body), duplex: 'half' },
  ]
}

async function errorOf(response: Response): Promise<KizunaError> {
  const text = await response.text().catch(() => '')
  try {
    const { error } = JSON.parse(text.slice(0, ERROR_LENGTH_MAX)) as { error: SerialisedError }
    if (typeof error.code === 'string' && typeof error.message === 'string') return new RemoteError(error)
  } catch {
    // Not ours: said below.
  }
  return new RemoteError({
    code: 'UNEXPECTED_ANSWER',
    kind: 'unavailable',
    message: `The node answered with status ${response.status} and no reason.`,
    hint: 'Something else may listen on its port; restart the node.',
  })
}

function lost(access: ApiAccess, signal: AbortSignal | null | undefined, error: unknown): unknown {
  return signal?.aborted === true ? signal.reason : new NodeLostError({ url: access.url, cause: error })
}
