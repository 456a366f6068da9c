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
}

/** Shard lengths are padded with zeros to a multiple of this (bytes): eight bit planes of 16 bytes. */
export const SHARD_ALIGNMENT_BYTES = 128

/** `k + m` never passes this: the code works in the field GF(2^8). */
export const SHARDS_MAX = 255
