import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'

/** How an object is kept: whole copies, or k data and m parity shards per stripe. */
export type DurabilityPolicy = { kind: 'replica'; copies: number } | { kind: 'rs'; k: number; m: number }

/** `local`: safe on this disk. `replicated`: the policy's copies or shards are confirmed by hash on distinct peers. */
export type AcknowledgementLevel = 'local' | 'replicated'

/** How far something long has come; the same for every app. */
export interface ContentProgress {
  phase: 'read' | 'chunk' | 'replicate' | 'find' | 'fetch' | 'rebuild' | 'verify'
  done: number
  total: number | undefined
  unit: 'bytes' | 'chunks' | 'files'
  /** Peers that take part now. */
  peers?: number
}

/** What every call that may take long accepts. */
export interface LongCallOptions {
  signal?: AbortSignal
  onProgress?: (progress: ContentProgress) => void
}

/** How content is to be published. */
export interface PublishOptions extends LongCallOptions {
  policy?: DurabilityPolicy
  /** Whole copies of what gets copies when no policy is given. @default 3 */
  copies?: number
  /** @default 'replicated'; with too few peers the result says how many copies there are, it does not hang. */
  acknowledge?: AcknowledgementLevel
  /** Encrypt with a new random key, returned in the result. @default false */
  encrypt?: boolean
  /** Encrypt with this key (32 bytes) instead of a new one. Never one key for two contents: nonces would repeat. */
  encryptionKey?: Uint8Array
  profile?: 'dds-256k' | 'swarm-1m' | 'cdc'
  /** Bytes the source will give, when known; a different number is an error. */
  sizeBytes?: number
}

/** What publishing made. */
export interface PublishedContent {
  /** The manifest's id: what people pass on. */
  id: ContentId
  sizeBytes: number
  /** Data chunks, without parity and manifest pages. */
  chunks: number
  /** Distinct peers, us included, that hold every chunk (replica), or k+m when every shard is on its own peer (rs). */
  copies: number
  policy: DurabilityPolicy
  acknowledged: AcknowledgementLevel
  /** 32 bytes when encrypted; goes into the link's fragment, never into a record in the clear. */
  key: Uint8Array | undefined
  /** SHA-256 (hex) of the content as chunked. */
  sha256: string
}

/** A file in a folder. */
export interface FolderEntry {
  /** Relative, with `/`, checked: no absolute path, no `..`, no empty or reserved part. */
  path: string
  id: ContentId
  sizeBytes: number
}

/** How content is to be read. */
export interface RetrieveOptions extends LongCallOptions {
  /** Bytes of the content; only the chunks needed are fetched. */
  range?: { offset: number; length: number }
  key?: Uint8Array
  /** No progress at all for this long ends the call with the reason. @default 30_000 */
  timeoutMs?: number
}

/** Content opened for reading. */
export interface RetrievedContent {
  id: ContentId
  kind: 'file' | 'folder'
  /** Size of the whole content. */
  sizeBytes: number
  /** The bytes in order, verified; the last piece comes only after the whole hash was checked (unless a range was asked). */
  bytes: AsyncIterable<Uint8Array>
}

/** What is known now about how safe an object is. */
export interface ObjectDurability {
  id: ContentId
  sizeBytes: number
  policy: DurabilityPolicy
  /** Distinct peers with a full copy of the least-copied chunk; for rs: shards confirmed of the worst stripe. */
  confirmed: number
  /** How many of those may be lost before the object is unreadable. */
  margin: number
  holders: PeerId[]
  keptHere: boolean
}

/** One step of `doctor`. */
export interface DiagnosisStep {
  step: 'id' | 'local' | 'manifest' | 'providers' | 'connect' | 'permission' | 'chunks' | 'integrity'
  outcome: 'ok' | 'failed' | 'skipped'
  /** One sentence with the facts. */
  finding: string
}

/** What is wrong with a read, if anything. */
export interface Diagnosis {
  readable: boolean
  steps: DiagnosisStep[]
  /** Chunk → peers that say they hold it, at most 1,000 chunks. */
  chunkMap: { id: ContentId; peers: PeerId[] }[]
}

/** Content as the community sees it: the DDS protocol's service. */
export interface Content {
  start(): Promise<void>
  stop(): Promise<void>
  /** Chunk, add parity, store, announce, replicate. A crash before it answers leaves nothing behind but garbage. */
  publish(source: AsyncIterable<Uint8Array>, options?: PublishOptions): Promise<PublishedContent>
  /** A folder's listing as content of its own; the files were published before. */
  publishFolder(entries: readonly FolderEntry[], options?: PublishOptions): Promise<PublishedContent>
  /** @throws ContentNotFoundError, ContentUnreachableError, ContentRefusedError, ContentCorruptError — four different answers. */
  retrieve(id: ContentId, options?: RetrieveOptions): Promise<RetrievedContent>
  /** The listing of a folder. @throws InvalidInputError when the content is a file. */
  listFolder(id: ContentId, options?: RetrieveOptions): Promise<FolderEntry[]>
  /** Keep a whole object here, fetching what is missing. */
  keep(id: ContentId, options?: RetrieveOptions & { expiresAt?: number }): Promise<void>
  /** Let go of our pin; the garbage collector takes the chunks after its grace. False when it was not kept. */
  forget(id: ContentId): Promise<boolean>
  durability(id: ContentId): Promise<ObjectDurability>
  /** Objects kept here by us. */
  keptObjects(): ObjectSummary[]
  /** Exchange held keys with every connected member now. */
  sync(options?: LongCallOptions): Promise<{ peers: number; keysSent: number; keysReceived: number }>
  whoHas(id: ContentId, options?: LongCallOptions): Promise<PeerId[]>
  diagnose(id: ContentId, options?: RetrieveOptions): Promise<Diagnosis>
  /** For our status record. */
  holdings(): { count: number; fingerprint: string }
  queues(): { repair: number; announce: number; replicate: number }
}

/** An object kept here. */
export interface ObjectSummary {
  id: ContentId
  sizeBytes: number
  policy: DurabilityPolicy
  expiresAt: number | undefined
}
