import type { ContentId } from '../core/content-id.ts'
import { KizunaError } from '../core/kizuna-error.ts'

/** Thrown when this machine does not hold a chunk. */
export class ChunkNotFoundError extends KizunaError {
  override name = 'ChunkNotFoundError'
  constructor(facts: { id: ContentId }) {
    super({
      code: 'CHUNK_NOT_FOUND',
      kind: 'missing',
      message: `Chunk ${facts.id} is not on this machine.`,
      hint: 'Fetch it from peers with `kizuna get`; `kizuna doctor <id>` says who has it.',
      details: { id: facts.id },
    })
  }
}

/** Thrown when the bytes on disk are not those the id names. */
export class ChunkCorruptError extends KizunaError {
  override name = 'ChunkCorruptError'
  constructor(facts: { id: ContentId; reason: string }) {
    super({
      code: 'CHUNK_CORRUPT',
      kind: 'corrupt',
      message: `Chunk ${facts.id} is damaged on this machine: ${facts.reason}.`,
      hint: 'Kizuna fetches it again from peers or parity by itself; check the disk if this repeats.',
      details: { id: facts.id },
    })
  }
}

/** Thrown when bytes given to be stored are not those the id names. */
export class InvalidChunkError extends KizunaError {
  override name = 'InvalidChunkError'
  constructor(facts: { id: ContentId; actualId: ContentId }) {
    super({
      code: 'INVALID_CHUNK',
      kind: 'invalid',
      message: `The bytes offered as ${facts.id} are ${facts.actualId}.`,
      hint: 'The sender is faulty or lying; ask another one.',
      details: { id: facts.id, actualId: facts.actualId },
    })
  }
}

/** Thrown when a store may not grow further. */
export class QuotaExceededError extends KizunaError {
  override name = 'QuotaExceededError'
  constructor(
    facts: { quota: string } & (
      | { limitBytes: number; usedBytes: number }
      | { limitChunks: number; usedChunks: number }
    ),
  ) {
    const limit = 'limitBytes' in facts ? `${facts.limitBytes} bytes` : `${facts.limitChunks} chunks`
    super({
      code: 'QUOTA_EXCEEDED',
      kind: 'busy',
      message: `The ${facts.quota} quota of ${limit} is used up.`,
      hint: 'Raise the quota with `kizuna config set`, or let go of content with `kizuna forget`.',
      details: facts,
    })
  }
}

/** Thrown when the operating system refuses a file operation. */
export class DiskError extends KizunaError {
  override name = 'DiskError'
  constructor(facts: { operation: string; path: string; systemCode: string; cause?: unknown }) {
    super({
      code: 'DISK_ERROR',
      kind: 'unavailable',
      message: `The disk refused to ${facts.operation} ${facts.path} (${facts.systemCode}).`,
      hint: 'Check the disk, its rights and its health; nothing acknowledged before is lost.',
      details: { operation: facts.operation, path: facts.path, systemCode: facts.systemCode },
      cause: facts.cause,
    })
  }
}

/** Thrown when the folder that held chunks before is not there: its disk is not mounted, or was emptied. */
export class ChunkFolderMissingError extends KizunaError {
  override name = 'ChunkFolderMissingError'
  constructor(facts: { folder: string; marker: string }) {
    super({
      code: 'CHUNK_FOLDER_MISSING',
      kind: 'unavailable',
      message: `The folder of chunks (${facts.folder}) is not there or is another one: it has no file ${facts.marker}.`,
      hint: `Mount the disk that holds it. If its chunks are gone for good, make an empty file ${facts.marker} in it: Kizuna then fetches them again.`,
      details: facts,
    })
  }
}

/** Thrown when neither the index database nor its second copy can be used. */
export class IndexDamagedError extends KizunaError {
  override name = 'IndexDamagedError'
  constructor(facts: { path: string; copyPath: string; reason: string }) {
    super({
      code: 'INDEX_DAMAGED',
      kind: 'corrupt',
      message: `The index (${facts.path}) and its copy (${facts.copyPath}) are both damaged: ${facts.reason}.`,
      hint: 'Put either back from a backup. Without both, Kizuna starts anew and finds its chunks again, but not what they were kept for.',
      details: facts,
    })
  }
}

/** Thrown when the disk has no room left (ENOSPC, EDQUOT). */
export class DiskFullError extends KizunaError {
  override name = 'DiskFullError'
  constructor(facts: { path: string; cause?: unknown }) {
    super({
      code: 'DISK_FULL',
      kind: 'busy',
      message: `The disk is full; ${facts.path} was not written.`,
      hint: 'Free some space or move KIZUNA_HOME to a larger disk; writing goes on by itself afterwards.',
      details: { path: facts.path },
      cause: facts.cause,
    })
  }
}

/** Thrown when a file that must exist does not. */
export class FileMissingError extends KizunaError {
  override name = 'FileMissingError'
  constructor(facts: { path: string }) {
    super({
      code: 'FILE_MISSING',
      kind: 'missing',
      message: `There is no file ${facts.path}.`,
      hint: 'Check the path.',
      details: { path: facts.path },
    })
  }
}

/** Thrown when a file that must not exist does. */
export class FileExistsError extends KizunaError {
  override name = 'FileExistsError'
  constructor(facts: { path: string }) {
    super({
      code: 'FILE_EXISTS',
      kind: 'conflict',
      message: `The file ${facts.path} exists already.`,
      hint: 'Choose another path, or say that it may be replaced.',
      details: { path: facts.path },
    })
  }
}

/** Thrown when a manifest's bytes break its rules. */
export class InvalidManifestError extends KizunaError {
  override name = 'InvalidManifestError'
  constructor(facts: { reason: string }) {
    super({
      code: 'INVALID_MANIFEST',
      kind: 'corrupt',
      message: `The content manifest is not valid: ${facts.reason}.`,
      hint: 'It was truncated or forged; ask another peer, or check that the id is the one you were given.',
      details: facts,
    })
  }
}

/** Thrown when a store is used after it was closed. */
export class StoreClosedError extends KizunaError {
  override name = 'StoreClosedError'
  constructor(facts: { store: string }) {
    super({
      code: 'STORE_CLOSED',
      kind: 'unavailable',
      message: `The ${facts.store} is closed.`,
      hint: 'The node is stopping; start it again.',
      details: facts,
    })
  }
}

/** Thrown when a source gave more or fewer bytes than was declared. */
export class SizeMismatchError extends KizunaError {
  override name = 'SizeMismatchError'
  constructor(facts: { declaredBytes: number; readBytes: number }) {
    super({
      code: 'SIZE_MISMATCH',
      kind: 'invalid',
      message: `The content was declared with ${facts.declaredBytes} bytes, but ${facts.readBytes}${
        facts.readBytes > facts.declaredBytes ? ' or more' : ''
      } were read.`,
      hint: 'It changed while it was read, or the declaration is wrong; try again.',
      details: facts,
    })
  }
}

/** Thrown when shards agree with their own ids and yet not with each other: the publisher made them wrongly. */
export class StripeInconsistentError extends KizunaError {
  override name = 'StripeInconsistentError'
  constructor(facts: { stripe: number; id: ContentId }) {
    super({
      code: 'STRIPE_INCONSISTENT',
      kind: 'corrupt',
      message: `Stripe ${facts.stripe} does not give back chunk ${facts.id}: its parity was made wrongly.`,
      hint: 'Find a peer that has the chunk itself, or ask the publisher to share the content again.',
      details: facts,
    })
  }
}
