import type { IndexDatabase } from '../storage/index-database.ts'
import type { AttachmentOutcome } from './segment-events.ts'
import type { SegmentRows } from './segment-rows.ts'

/** What became of one attachment. */
export interface OutcomeOf {
  /** Row of its message. */
  row: number
  id: string
  /** Milliseconds since 1970. */
  at: number
  outcome: AttachmentOutcome
}

/**
 * Notes what became of an attachment, once; part of the caller's transaction.
 * @param from the segment of another node in which it was read.
 * @returns false when the attachment is no longer waited for: its message was erased, or it was told already.
 */
export function noteOutcome(
  { database, segments }: { database: IndexDatabase; segments: SegmentRows },
  { row, id, at, outcome }: OutcomeOf,
  from?: number,
): boolean {
  const isKept = outcome.outcome === 'kept'
  const { changes } = database.run(
    `UPDATE attachment SET state = ?, reason = ?, content = ?, key = ?, sha256 = ?, size = coalesce(?, size)
     WHERE message = ? AND id = ? AND state IN ('waiting', 'untold')`,
    outcome.outcome,
    isKept ? null : outcome.reason,
    isKept ? outcome.content : null,
    isKept ? Buffer.from(outcome.key, 'base64url') : null,
    isKept ? outcome.sha256 : null,
    isKept ? outcome.sizeBytes : null,
    row,
    id,
  )
  if (changes === 0) return false
  const channel = database.get<{ stream: number }>(
    'SELECT stream FROM channel JOIN message ON channel.no = message.channel WHERE message.row = ?',
    row,
  ) as { stream: number }
  const told = isKept
    ? {
        outcome: 'kept',
        content: outcome.content,
        key: outcome.key,
        sha256: outcome.sha256,
        sizeBytes: outcome.sizeBytes,
      }
    : { outcome: 'failed', reason: outcome.reason }
  const rest = JSON.stringify({ attachment: id, ...told })
  segments.add(channel.stream, { message: row, kind: 'attachment', at, text: '', rest }, from)
  return true
}

/** How many attachments are kept, wait, or could not be had, and why; in some communities' streams. */
export function countAttachments(
  database: IndexDatabase,
  streams: readonly number[],
): { kept: number; waiting: number; failed: number; reasons: Record<string, number> } {
  const rows = database.all<{ state: string; reason: string | null; count: number }>(
    `SELECT state, reason, count(*) AS count FROM attachment JOIN message ON message.row = attachment.message
     JOIN channel ON channel.no = message.channel
     WHERE channel.stream IN (SELECT value FROM json_each(?)) GROUP BY state, reason ORDER BY count DESC`,
    JSON.stringify(streams),
  )
  const counts = { kept: 0, waiting: 0, failed: 0, reasons: {} as Record<string, number> }
  for (const { state, reason, count } of rows) {
    if (state === 'kept' || state === 'failed') counts[state] += count
    else counts.waiting += count
    if (reason !== null && state === 'failed') counts.reasons[reason] = (counts.reasons[reason] ?? 0) + count
  }
  return counts
}
