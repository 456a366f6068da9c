import type { Network } from '../../src/network/network.ts'

/**
 * A network whose node turns a bit over in what it serves, while `isLying` says so: the first frame of an answer
 * is left as it is, so that the lie is in the bytes and not in the message about them.
 */
export function createLyingNetwork(inner: Network, isLying: () => boolean): Network {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'handle') {
        const handle: Network['handle'] = (protocol, handler) =>
          target.handle(protocol, async function* (request, context) {
            let index = 0
            for await (const frame of handler(request, context)) {
              yield index++ > 0 && frame.byteLength > 0 && isLying() ? withLie(frame) : frame
            }
          })
        return handle
      }
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function withLie(frame: Uint8Array): Uint8Array {
  const lie = Uint8Array.from(frame)
  lie[lie.byteLength >> 1] = (lie[lie.byteLength >> 1] ?? 0) ^ 1
  return lie
}
