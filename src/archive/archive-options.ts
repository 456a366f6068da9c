import type { Content } from '../content/content.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Membership } from '../records/membership.ts'
import type { RecordSets } from '../records/record-sets.ts'
import type { Disk } from '../storage/disk.ts'

/** What an archive needs. */
export interface ArchiveParts {
  disk: Disk
  content: Content
  records: RecordSets
  membership: Membership
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  self: PeerId
}

/** How an archive keeps. */
export interface ArchiveOptions {
  /** Whole copies of what gets copies. */
  copies: number
  /** A larger attachment is noted and not fetched. @default 100 MiB */
  attachmentBytesMax?: number
  /** Attachments fetched at once. @default 4 */
  attachmentsAtOnce?: number
  /** News waits so long before it is published, unless a segment is full. @default five minutes */
  sealAfterMs?: number
}
