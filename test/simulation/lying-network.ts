import { StoreChunkCode } from '../../src/content/dds-messages.js'
import { DDS_PROTOCOL, decodeRequest, encodeResponse } from '../../src/content/dds-protocol.ts'
import type { Network, RequestHandler } from '../../src/network/network.ts'

/** How a node lies. */
export interface Lies {
  /** Turns a bit over in what it serves. */
  inBytes: () => boolean
  /** Confirms every copy it is sent, and stores none. */
  aboutCopies: boolean
}

/** The network of a node that may lie to those who ask it. */
export function createLyingNetwork(inner: Network, lies: Lies): Network {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'handle') {
        const handle: Network['handle'] = (protocol, handler) => {
          const answer = withWrongBytes(handler, lies.inBytes)
          return target.handle(
            protocol,
            protocol === DDS_PROTOCOL && lies.aboutCopies ? withoutCopies(answer) : answer,
          )
        }
        return handle
      }
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The first frame of an answer is left as it is: the lie is in the bytes, not in the message about them. */
function withWrongBytes(handler: RequestHandler, isLying: () => boolean): RequestHandler {
  return async function* (request, context) {
    let index = 0
    for await (const frame of handler(request, context)) {
      yield index++ > 0 && frame.byteLength > 0 && isLying() ? withLie(frame) : frame
    }
  }
}

function withoutCopies(handler: RequestHandler): RequestHandler {
  return async function* (request, context) {
    const frames = request[Symbol.asyncIterator]()
    const first = await frames.next()
    if (first.done === true) return
    const { storeChunk } = decodeRequest(first.value)
    if (storeChunk !== undefined) {
      yield encodeResponse({
        storeChunk: { code: StoreChunkCode.STORE_OK, chunkCid: storeChunk.chunkCid, alreadyHeld: false },
      })
      return
    }
    const whole = async function* () {
      yield first.value
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) yield next.value
    }
    yield* handler(whole(), context)
  }
}

function withLie(frame: Uint8Array): Uint8Array {
  const lie = Uint8Array.from(frame)
  lie[lie.byteLength >> 1] = (lie[lie.byteLength >> 1] ?? 0) ^ 1
  return lie
}
