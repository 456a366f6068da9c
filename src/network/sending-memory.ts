import { FRAME_BYTES_MAX } from '../core/limits.ts'

/** Bytes left free before what is sent, so that a muxer puts its header there and all of it leaves in one piece. */
export const HEADROOM_BYTES = 12
/** Frames that leave at once, so that a transfer costs a turn of the loop for several. */
export const FRAMES_AT_ONCE = 2
const FRAME_HEADER_BYTES = 5
const BUFFER_BYTES = HEADROOM_BYTES + FRAMES_AT_ONCE * (FRAME_HEADER_BYTES + FRAME_BYTES_MAX)
/** What is shorter gets memory of its own. */
const POOLED_BYTES_MIN = 16 * 1024
/** Buffers kept for the next frames: 4 MiB. */
const SPARE_MAX = 32

/** What of a buffer the system has not taken yet. */
interface Sending {
  /** Where the bytes begin. */
  start: number
  leftBytes: number
}

const spare: ArrayBuffer[] = []
const sending = new WeakMap<ArrayBufferLike, Sending>()

/**
 * Memory for bytes to be sent, with free room before them. It is used again once all of it was `sent`; what leaves by a
 * way that does not tell so, or never leaves, is collected like everything else.
 */
export function roomToSend(sizeBytes: number): Uint8Array {
  const isPooled = sizeBytes >= POOLED_BYTES_MIN && HEADROOM_BYTES + sizeBytes <= BUFFER_BYTES
  if (!isPooled) {
    const { buffer } = Buffer.allocUnsafeSlow(HEADROOM_BYTES + sizeBytes)
    sending.set(buffer, { start: HEADROOM_BYTES, leftBytes: Number.POSITIVE_INFINITY })
    return new Uint8Array(buffer, HEADROOM_BYTES, sizeBytes)
  }
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES).buffer
  sending.set(buffer, { start: HEADROOM_BYTES, leftBytes: sizeBytes })
  return new Uint8Array(buffer, HEADROOM_BYTES, sizeBytes)
}

/** The same bytes with the room before them, when they are the first of theirs; for use once. */
export function withHeadroom(bytes: Uint8Array): Uint8Array | undefined {
  const now = sending.get(bytes.buffer)
  if (now === undefined || bytes.byteOffset !== now.start) return undefined
  now.start = 0
  now.leftBytes += HEADROOM_BYTES
  return new Uint8Array(bytes.buffer, 0, HEADROOM_BYTES + bytes.byteLength)
}

/** Whether somebody waits until these bytes have been taken. */
export function isAwaited(bytes: Uint8Array): boolean {
  return sending.has(bytes.buffer)
}

/** The system has taken these bytes: nobody looks at them any more. */
export function sent(bytes: Uint8Array): void {
  const now = sending.get(bytes.buffer)
  if (now === undefined) return
  now.leftBytes -= bytes.byteLength
  if (now.leftBytes > 0) return
  sending.delete(bytes.buffer)
  if (spare.length < SPARE_MAX) spare.push(bytes.buffer as ArrayBuffer)
}
