import { KizunaError } from '../core/kizuna-error.ts'

/** Thrown when a channel is named that the archive does not know, or that the asker may not see. */
export class ChannelUnknownError extends KizunaError {
  override name = 'ChannelUnknownError'
  constructor(facts: { channel: string }) {
    super({
      code: 'ARCHIVE_CHANNEL_UNKNOWN',
      kind: 'missing',
      message: `The archive does not keep the channel ${facts.channel.slice(0, 100)}.`,
      hint: 'Look at `archive status` for the channels that are kept; `archive start` begins with another one.',
      details: { channel: facts.channel.slice(0, 100) },
    })
  }
}

/** Thrown when nothing on this node is connected to the place where a channel is. */
export class ArchiveSourceAwayError extends KizunaError {
  override name = 'ArchiveSourceAwayError'
  constructor(facts: { channel: string }) {
    super({
      code: 'ARCHIVE_SOURCE_AWAY',
      kind: 'unavailable',
      message: `This node has no connection to where the channel ${facts.channel.slice(0, 100)} is.`,
      hint: 'Start the bot on this node (`kizuna start` with DISCORD_TOKEN), or ask where it runs.',
      details: { channel: facts.channel.slice(0, 100) },
    })
  }
}

/** Thrown when a channel may not be read there, or does not exist. */
export class ChannelUnreadableError extends KizunaError {
  override name = 'ChannelUnreadableError'
  constructor(facts: { channel: string; reason: string; cause?: unknown }) {
    super({
      code: 'ARCHIVE_CHANNEL_UNREADABLE',
      kind: 'denied',
      message: `The channel ${facts.channel.slice(0, 100)} cannot be read: ${facts.reason}.`,
      hint: 'Give the bot “View Channel” and “Read Message History” there; then it goes on by itself.',
      details: { channel: facts.channel.slice(0, 100), reason: facts.reason },
      cause: facts.cause,
    })
  }
}

/** Thrown when an attachment cannot be had any more; it is not asked for again. */
export class AttachmentGoneError extends KizunaError {
  override name = 'AttachmentGoneError'
  constructor(facts: { reason: string; cause?: unknown }) {
    super({
      code: 'ARCHIVE_ATTACHMENT_GONE',
      kind: 'missing',
      message: `The attachment cannot be had: ${facts.reason}.`,
      hint: 'Nothing can be done: the archive notes its name, size and this reason.',
      details: { reason: facts.reason },
      cause: facts.cause,
    })
  }
}

/** Thrown when a segment of an archive is not what it should be. */
export class SegmentMalformedError extends KizunaError {
  override name = 'SegmentMalformedError'
  constructor(facts: { reason: string; cause?: unknown }) {
    super({
      code: 'ARCHIVE_SEGMENT_MALFORMED',
      kind: 'corrupt',
      message: `A segment of the archive is malformed: ${facts.reason}.`,
      hint: 'It is left out. The member who published it may run another version of Kizuna.',
      details: { reason: facts.reason },
      cause: facts.cause,
    })
  }
}
