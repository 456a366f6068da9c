/** Limits that more than one part must agree on. Limits of one part stand at the top of its file. */

const KIB = 1024
const MIB = 1024 * KIB

/** No chunk is longer: stock bitswap refuses blocks of 2 MiB and more, and leaves room for a header. */
export const CHUNK_BYTES_MAX = 2 * MIB - 256

/**
 * One frame on the wire. Stock relays cut a connection at 128 KiB, so a frame must fit well inside. A control message
 * (everything that is not a chunk or a manifest page) is one frame.
 */
export const FRAME_BYTES_MAX = 64 * KIB

/** One signed record in its canonical bytes. */
export const RECORD_BYTES_MAX = 48 * KIB
