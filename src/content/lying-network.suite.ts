/** Networks that misbehave towards those who ask them, for tests. */
import type { Clock } from '../core/clock.ts'
import type { Network, RequestContext, RequestHandler } from '../network/network.ts'
import { decodeRequest } from './dds-protocol.ts'

/** What a node does with the frames of its answers; `kind` is the request's. */
export type Mischief = (
  frames: AsyncIterable<Uint8Array>,
  request: { kind: string; context: RequestContext },
) => AsyncIterable<Uint8Array>

/** A network whose handlers' answers go through `mischief`. */
export function withMischief(inner: Network, mischief: Mischief): Network {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'handle') {
        return (protocol: string, handler: RequestHandler) =>
          target.handle(protocol, (request, context) => spoil(handler, mischief, request, context, protocol))
      }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Turns a bit over in every chunk it sends. */
export const tamperChunks: Mischief = async function* (frames, { kind }) {
  let isHeader = true
  for await (const frame of frames) {
    if (kind !== 'retrieveChunk' || isHeader) yield frame
    else yield Uint8Array.from(frame, (byte, index) => (index === 0 ? byte ^ 1 : byte))
    isHeader = false
  }
}

/** Waits before every frame of a chunk. */
export function slowDown(clock: Clock, delayMs: () => number): Mischief {
  return async function* (frames, { kind }) {
    for await (const frame of frames) {
      if (kind === 'retrieveChunk' && delayMs() > 0) await clock.sleep(delayMs())
      yield frame
    }
  }
}

/** Counts the chunks it is asked for. */
export function countChunks(count: () => void): Mischief {
  return async function* (frames, { kind }) {
    if (kind === 'retrieveChunk') count()
    yield* frames
  }
}

async function* spoil(
  handler: RequestHandler,
  mischief: Mischief,
  request: AsyncIterable<Uint8Array>,
  context: RequestContext,
  protocol: string,
): AsyncGenerator<Uint8Array> {
  const frames = request[Symbol.asyncIterator]()
  const first = await frames.next()
  if (first.done === true) return
  const isDds = protocol.includes('dds')
  const kind = isDds ? (Object.keys(decodeRequest(first.value))[0] ?? 'unknown') : protocol
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield first.value as Uint8Array
    for (let next = await frames.next(); next.done !== true; next = await frames.next()) yield next.value
  }
  yield* mischief(handler(whole(), context), { kind, context })
}
