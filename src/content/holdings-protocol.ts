/** One round: a reconciliation message one way, the answer the other way. `docs/protocol/holdings.md`. */
export const HOLDINGS_PROTOCOL = '/kizuna/holdings/1.0.0'
/** First byte of a request: what follows reconciles the asked peer's set, or asks it to reconcile ours. */
export const ASK_YOURS = 1
export const COME_FOR_MINE = 2
export const DIGEST_BYTES = 32
/** A message, with its first byte; the reconciliation itself stays under 48 KiB. */
export const MESSAGE_BYTES_MAX = 60 * 1024

/** What changed by one reconciliation. */
export interface HoldingsChange {
  added: number
  removed: number
}

/** The first frame; read to the end, because an answer that is left early costs the stream it came on. */
export async function onlyFrame(frames: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  let only: Uint8Array | undefined
  for await (const frame of frames) only ??= frame
  return only
}

/** How many keys somebody learnt, as an answer tells it. */
export function encodeCount(value: number): Uint8Array {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(value)
  return count
}

/** 0 when it is no such answer. */
export function decodeCount(answer: Uint8Array | undefined): number {
  return answer?.byteLength === 4 ? Buffer.from(answer).readUInt32BE(0) : 0
}
