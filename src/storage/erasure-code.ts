/**
 * A systematic erasure code over one stripe: `k` data shards of equal length give `m` parity shards,
 * and any `k` of the `k + m` give all of them back.
 */
export interface ErasureCode {
  readonly k: number
  readonly m: number
  /**
   * The parity of one stripe.
   * @param data exactly `k` shards of equal length; the length is a multiple of 128 bytes.
   * @returns `m` new shards of the same length.
   */
  encode(data: readonly Uint8Array[]): Uint8Array[]
  /**
   * The missing shards.
   * @param shards `k + m` places, data first; undefined where a shard is missing.
   * @returns `k + m` shards, those given and those rebuilt.
   * @throws NotEnoughShardsError when fewer than `k` are given.
   */
  reconstruct(shards: readonly (Uint8Array | undefined)[]): Uint8Array[]
  /**
   * Memory for one stripe whose parity is computed where the data lies, several times as fast as from arrays
   * elsewhere. It is empty (zeros), belongs to the caller, and may be used for one stripe after the other.
   * @param shardBytesMax the longest data shard that has to fit.
   */
  createRoom(shardBytesMax: number): StripeRoom
}

/** Memory for one stripe. It is shared: other threads can read it. */
export interface StripeRoom {
  readonly shardBytesMax: number
  /** Everything that the room takes (bytes). */
  readonly sizeBytes: number
  /** Where the `k` data shards go, each `shardBytesMax` long. */
  readonly data: readonly Uint8Array[]
  /**
   * The parity of what lies in `data`. Shards are padded with zeros to the longest, rounded up to
   * `SHARD_ALIGNMENT_BYTES`, and shards that `lengths` does not name are zeros.
   * @param lengths bytes of the first data shards, at least one and at most `k`.
   * @returns `m` new views of the room; they hold until the next call.
   */
  encode(lengths: readonly number[]): Uint8Array[]
}

/** Shard lengths are padded with zeros to a multiple of this (bytes): eight bit planes of 16 bytes. */
export const SHARD_ALIGNMENT_BYTES = 128

/** `k + m` never passes this: the code works in the field GF(2^8). */
export const SHARDS_MAX = 255
