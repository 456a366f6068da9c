import type { ContentId } from '../core/content-id.ts'
import type { Finding } from '../core/finding.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { ChunkingProfile } from '../storage/chunking-profile.ts'
import type { AuditLedger } from './audit-ledger.ts'
import type { DIAGNOSIS_FINDINGS, DIAGNOSIS_STEPS } from './diagnosis-findings.ts'
import type { Scrubber } from './scrubber.ts'

/** How an object is kept: whole copies, or k data and m parity shards per stripe. */
export type DurabilityPolicy = { kind: 'replica'; copies: number } | { kind: 'rs'; k: number; m: number }

/** `local`: safe on this disk. `replicated`: the policy's copies or shards are confirmed by hash on distinct peers. */
export type AcknowledgementLevel = 'local' | 'replicated'

/** How far something long has come; the same for every app. */
export interface ContentProgress {
  phase: 'read' | 'chunk' | 'replicate' | 'find' | 'fetch' | 'rebuild' | 'verify' | 'hand over'
  done: number
  total: number | undefined
  unit: 'bytes' | 'chunks' | 'files' | 'items'
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
  profile?: ChunkingProfile
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
  /**
   * Each piece is good only until the next is asked for: its memory, which other threads may share, is then used
   * again. For readers that are done with a piece before they ask on; it saves them half of what reading costs.
   * @default false
   */
  reuse?: boolean
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

/** How an object is to be kept here. */
export interface KeepContentOptions extends RetrieveOptions {
  expiresAt?: number
  /** What is known of an object that was never met here. @default a guess, until another member tells */
  facts?: { publisher: PeerId; policy: DurabilityPolicy }
}

/** What is known now about how safe an object is. */
export interface ObjectDurability {
  id: ContentId
  sizeBytes: number
  policy: DurabilityPolicy
  /** Distinct peers with a full copy of the least-copied chunk; for rs: shards confirmed of the worst stripe. */
  confirmed: number
  /** How many copies or shards the policy asks for. */
  target: number
  /** How many of them are enough to read it. */
  needed: number
  /** How many peers may be lost before the object is unreadable; −1 when it is. */
  margin: number
  /** Failure domains over which the confirmed copies, or the shards of the worst stripe, lie. */
  domains: number
  /** Who holds at least one chunk of it; its manifest alone does not count. */
  holders: PeerId[]
  /** Holders other than us that ever proved to us that they have what they say. */
  provedBy: number
  /** Since when each of those has proved it again: the oldest of their last proofs, `clock.now()`. */
  lastProvedAt: number | undefined
  /** The chance that it is lost for good within a year, if members go on as they do (`durability-odds.ts`). */
  lossOddsPerYear: number
  /** The share of time in which too few of its holders are up to read it. */
  unreadableShare: number
  keptHere: boolean
}

/** How safe everything is of which something is kept here. */
export interface DurabilitySummary {
  objects: number
  /** With fewer copies or shards than asked for. */
  belowTarget: number
  unreadable: number
  /** The one that may lose the fewest peers. */
  worst: { id: ContentId; confirmed: number; target: number; margin: number } | undefined
}

/** What leaving did, or would do, to one object. */
export interface HandedOver {
  id: ContentId
  /** Copies or shards without ours, and how many the policy asks for. */
  confirmed: number
  target: number
  /** How many peers may be lost then; −1 when it is lost with us. */
  margin: number
}

/** One step of `doctor`. */
export interface DiagnosisStep extends Finding<keyof typeof DIAGNOSIS_FINDINGS> {
  step: (typeof DIAGNOSIS_STEPS)[number]
  outcome: 'ok' | 'failed' | 'skipped'
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
  /**
   * Chunk, add parity, store, announce, replicate. A crash before it answers leaves nothing behind but garbage.
   * @param source may use a piece's memory again when it is asked for the next (`readPieces`).
   */
  publish(source: AsyncIterable<Uint8Array>, options?: PublishOptions): Promise<PublishedContent>
  /** A folder's listing as content of its own; the files were published before. */
  publishFolder(entries: readonly FolderEntry[], options?: PublishOptions): Promise<PublishedContent>
  /** @throws ContentNotFoundError, ContentUnreachableError, ContentRefusedError, ContentCorruptError — four different answers. */
  retrieve(id: ContentId, options?: RetrieveOptions): Promise<RetrievedContent>
  /** The listing of a folder. @throws InvalidInputError when the content is a file. */
  listFolder(id: ContentId, options?: RetrieveOptions): Promise<FolderEntry[]>
  /** Keep a whole object here, fetching what is missing. */
  keep(id: ContentId, options?: KeepContentOptions): Promise<void>
  /** Let go of our pin; the garbage collector takes the chunks after its grace. False when it was not kept. */
  forget(id: ContentId): Promise<boolean>
  /**
   * Let go of what the space placed here, because it is no longer shared; what we keep ourselves stays.
   * @param mayWithdraw whether the one who published it (as the placement said) may have it withdrawn
   * @returns false when there was nothing, or it may not go.
   */
  withdraw(id: ContentId, mayWithdraw: (publisher: PeerId) => boolean): boolean
  /** @param policy of an object of which nothing is kept here. @default what its manifest tells */
  durability(id: ContentId, policy?: DurabilityPolicy): Promise<ObjectDurability>
  /** How safe everything is that this node knows of; as of the last look. */
  durabilitySummary(): DurabilitySummary
  /**
   * Gives the others what they would miss without us, object by object; may be called again and goes on.
   * @returns every object that has fewer copies without us than it should.
   */
  handOver(options?: LongCallOptions & { dryRun?: boolean }): Promise<HandedOver[]>
  /** Takes nothing more and counts as a copy no more; {@link Content.isLeaving} goes into our status record. */
  leave(): void
  readonly isLeaving: boolean
  /** Answers no requests of others any more. */
  stopServing(): void
  /** Objects kept here by us. */
  keptObjects(): ObjectSummary[]
  /** Exchange held keys with every connected member now. */
  sync(options?: LongCallOptions): Promise<{ peers: number; keysSent: number; keysReceived: number }>
  whoHas(id: ContentId, options?: LongCallOptions): Promise<PeerId[]>
  diagnose(id: ContentId, options?: RetrieveOptions): Promise<Diagnosis>
  /** How the reading of every chunk on this machine goes, and how to have it done now. */
  readonly scrubber: Pick<Scrubber, 'report' | 'checkAll'>
  /** What our audits of other members showed: when each last proved which chunk, and how far each can be relied on. */
  readonly audits: Pick<AuditLedger, 'lastProved' | 'standing' | 'counts' | 'isSuspended' | 'report'>
  /** A chunk on this machine was found damaged or gone: what is kept is fetched again. */
  noteDamaged(id: ContentId): void
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
