import { LimitExceededError } from '../../core/errors.ts'

/** A listing of a large folder comes as one event. */
const EVENT_LENGTH_MAX = 64 * 1024 * 1024

/** A server-sent event (WHATWG HTML, server-sent events). */
export interface ServerEvent {
  event: string
  data: string
}

/** Reads server-sent events as they come. @throws LimitExceededError when one grows without end. */
export async function* readEvents(body: AsyncIterable<unknown> | null): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let pending = ''
  let lines: string[] = []
  for await (const piece of body ?? []) {
    pending += decoder.decode(piece as Uint8Array, { stream: true })
    if (pending.length > EVENT_LENGTH_MAX)
      throw new LimitExceededError({ what: 'An answer', limit: EVENT_LENGTH_MAX })
    const parts = pending.split(/\r?\n/)
    pending = parts.pop() ?? ''
    for (const line of parts) {
      if (line !== '') lines.push(line)
      else if (lines.length > 0) {
        yield eventOf(lines)
        lines = []
      }
    }
  }
}

function eventOf(lines: readonly string[]): ServerEvent {
  let event = 'message'
  const data: string[] = []
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (name === 'event') event = value
    else if (name === 'data') data.push(value)
  }
  return { event, data: data.join('\n') }
}
