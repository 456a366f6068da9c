import { hash } from 'node:crypto'

/** Ways to cut content into chunks. The name stands in the manifest, so a way never changes once released. */
export const CHUNKING_PROFILES = ['dds-256k', 'swarm-1m', 'swarm-2m', 'cdc'] as const
export type ChunkingProfile = (typeof CHUNKING_PROFILES)[number]

/**
 * Length of every chunk but the last, in bytes. 256 KiB is the DDS plan's and what `ipfs add` makes; the longest is
 * what fits below `CHUNK_BYTES_MAX` in whole blocks of a disk.
 */
const FIXED_BYTES = {
  'dds-256k': 256 * 1024,
  'swarm-1m': 1024 * 1024,
  'swarm-2m': 2 * 1024 * 1024 - 4096,
} as const

/** From this size on whole content is cut into 1 MiB (bytes): a quarter of the ids to find and announce. */
const LARGE_CONTENT_BYTES = 256 * 1024 * 1024
/** From this size on into nearly 2 MiB: each chunk costs both ends about half a millisecond besides its bytes. */
const HUGE_CONTENT_BYTES = 1024 * 1024 * 1024

/**
 * Limits of content-defined chunks (bytes). Cuts are forced at `max`, not looked for below `min`;
 * the mean is near `average` on data without repetition.
 */
export const CDC_BYTES = { min: 64 * 1024, average: 256 * 1024, max: 1024 * 1024 } as const

/**
 * The masks of FastCDC's normalised chunking (Xia and others, 2020): two bits harder than the average asks
 * below it, two bits easier above it, which draws lengths towards the average. High bits, since those of the
 * rolling hash depend on the most bytes (32).
 */
const MASK_BELOW_AVERAGE = topBits(Math.log2(CDC_BYTES.average) + 2)
const MASK_ABOVE_AVERAGE = topBits(Math.log2(CDC_BYTES.average) - 2)

/** A random 32-bit number per byte value, the same on every machine: from SHA-256 of a name and the value. */
const GEAR = Int32Array.from({ length: 256 }, (_, value) =>
  hash('sha256', `kizuna cdc gear ${value}`, 'buffer').readInt32BE(0),
)

/** Finds where chunks end, piece by piece. */
export interface Cutter {
  /**
   * The index in `piece`, after `from`, where the present chunk ends (and the next begins),
   * or -1 when it does not end in this piece.
   */
  cut(piece: Uint8Array, from: number): number
}

/** The length of a profile's chunks in bytes, or undefined when content decides. */
export function fixedChunkBytes(profile: ChunkingProfile): number | undefined {
  return profile === 'cdc' ? undefined : FIXED_BYTES[profile]
}

/** No chunk of this profile is longer (bytes). */
export function chunkBytesMax(profile: ChunkingProfile): number {
  return profile === 'cdc' ? CDC_BYTES.max : FIXED_BYTES[profile]
}

/**
 * What is used when nobody chose; 256 KiB also when the size is unknown.
 * @param options `isStriped`: it gets parity, for which whole stripes lie in memory; no chunk is longer than 1 MiB then.
 */
export function defaultProfile(
  sizeBytes: number | undefined,
  options: { isStriped: boolean },
): ChunkingProfile {
  if (sizeBytes === undefined || sizeBytes < LARGE_CONTENT_BYTES) return 'dds-256k'
  return sizeBytes < HUGE_CONTENT_BYTES || options.isStriped ? 'swarm-1m' : 'swarm-2m'
}

/** A new cutter at the beginning of content. */
export function createCutter(profile: ChunkingProfile): Cutter {
  const length = fixedChunkBytes(profile)
  return length === undefined ? new ContentCutter() : new FixedCutter(length)
}

class FixedCutter implements Cutter {
  readonly #length: number
  #filled = 0

  constructor(length: number) {
    this.#length = length
  }

  cut(piece: Uint8Array, from: number): number {
    const end = from + this.#length - this.#filled
    if (end > piece.byteLength) {
      this.#filled += piece.byteLength - from
      return -1
    }
    this.#filled = 0
    return end
  }
}

class ContentCutter implements Cutter {
  #filled = 0
  #rolling = 0

  cut(piece: Uint8Array, from: number): number {
    const base = from - this.#filled
    const limit = (length: number) => Math.min(base + length, piece.byteLength)
    // Nothing is looked at below the minimum; the hash starts anew there.
    let at = Math.max(from, limit(CDC_BYTES.min))
    let rolling = this.#rolling
    const scan = (end: number, mask: number): boolean => {
      while (at < end) {
        rolling = ((rolling << 1) + (GEAR[piece[at++] as number] as number)) | 0
        if ((rolling & mask) === 0) return true
      }
      return false
    }
    const found =
      scan(limit(CDC_BYTES.average), MASK_BELOW_AVERAGE) || scan(limit(CDC_BYTES.max), MASK_ABOVE_AVERAGE)
    if (found || at === base + CDC_BYTES.max) {
      this.#filled = 0
      this.#rolling = 0
      return at
    }
    this.#filled = piece.byteLength - base
    this.#rolling = rolling
    return -1
  }
}

function topBits(count: number): number {
  return (-1 << (32 - count)) | 0
}
