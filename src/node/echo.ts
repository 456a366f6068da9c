import type { Clock } from '../core/clock.ts'
import { LimitExceededError } from '../core/errors.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'

/** Sends back what it gets; for `ping` and for looking at paths. */
export const ECHO_PROTOCOL = '/kizuna/echo/1.0.0'
/** Bytes that one request gets back; more is no measurement but a load. */
const ECHO_BYTES_MAX = 1024 * 1024
const PING_BYTES = 32

/** Answers echoes; returns how to stop. */
export function answerEchoes(network: Network): () => void {
  return network.handle(ECHO_PROTOCOL, async function* (request) {
    let sizeBytes = 0
    for await (const frame of request) {
      sizeBytes += frame.byteLength
      if (sizeBytes > ECHO_BYTES_MAX) throw new LimitExceededError({ what: 'An echo', limit: ECHO_BYTES_MAX })
      yield frame
    }
  })
}

/** The round trip to a peer through everything we are made of, in milliseconds. */
export async function measureLatency(
  parts: { network: Network; clock: Clock },
  peer: PeerId,
  options: { signal?: AbortSignal; timeoutMs: number },
): Promise<number> {
  const begin = parts.clock.monotonic()
  for await (const _ of parts.network.request(peer, ECHO_PROTOCOL, [new Uint8Array(PING_BYTES)], options)) {
    // One frame goes, one comes back.
  }
  return parts.clock.monotonic() - begin
}
