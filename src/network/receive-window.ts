import type { Stream } from '@libp2p/interface'

/** What every Yamux stream begins with, and the least there is. */
export const FIRST_WINDOW_BYTES = 256 * 1024

/** The part of a Yamux stream that we reach into, which its types call private. */
interface Opened {
  maxStreamWindowSize?: unknown
}

/**
 * Keeps a stream's receive window as it is: an asker that behaved well for a while could otherwise fill the grown
 * window, eight times as large, at a time when nobody reads. Answers that we wait for may grow theirs: whom we ask,
 * how often, is ours to say. A stream that is not built as we know it stays untouched.
 */
export function keepFirstWindow(stream: Stream): void {
  const opened = stream as unknown as Opened
  if (typeof opened.maxStreamWindowSize !== 'number') return
  opened.maxStreamWindowSize = Math.min(opened.maxStreamWindowSize, FIRST_WINDOW_BYTES)
}
