import type { ObservedChannel } from './archived-message.ts'

/** An attachment as its source opened it. */
export interface OpenedAttachment {
  bytes: AsyncIterable<Uint8Array>
  /** What the source says it has, when it says so. */
  sizeBytes: number | undefined
}

/** Names an attachment where it is. */
export interface AttachmentPlace {
  channel: string
  message: string
  attachment: string
}

/** A place of conversation, such as Discord, to which this node is connected. An app makes it. */
export interface ArchiveSource {
  /** How ids of this place begin, such as `discord:`. */
  readonly prefix: string
  /**
   * How a channel is now.
   * @throws ChannelUnreadableError when it is not there or may not be read.
   */
  describe(channel: string, signal: AbortSignal): Promise<ObservedChannel>
  /**
   * Opens an attachment, with a fresh link when the one that is known has expired.
   * @throws AttachmentGoneError when it will never be had; anything else is tried again later.
   */
  openAttachment(place: AttachmentPlace, signal: AbortSignal): Promise<OpenedAttachment>
  /** Which channels are kept has changed: begin, or leave off. */
  keptChanged(): void
  /** What is being done for a channel now, such as `reading what was said before`. */
  activityOf(channel: string): string | undefined
}
