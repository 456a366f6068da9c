import type { Clock } from '../../../core/clock.ts'
import { DeadlineError } from '../../../core/errors.ts'
import { AttachmentEmptyError, AttachmentTooLargeError, AttachmentUnreadableError } from '../errors.ts'

/** Where Discord keeps attachments. */
const DISCORD_HOSTS = ['cdn.discordapp.com', 'media.discordapp.net']
const DISCORD_API_HOST = 'discord.com'
/** Until the answer begins, and between two pieces of it. */
const SILENCE_MS = 30_000

/** A file somebody attached, as Discord describes it. */
export interface Attachment {
  url: string
  name: string
  sizeBytes: number
}

/** Opens attachments for reading. */
export type AttachmentSource = (attachment: Attachment, signal: AbortSignal) => AsyncIterable<Uint8Array>

/**
 * Reads attachments, from Discord's own hosts only. Links expire, so whoever wants the bytes takes them at once.
 * @param options.api the address of the API: where that is not Discord's, attachments may come from the same host.
 */
export function attachmentSource(
  parts: { clock: Clock },
  options: { api: string; bytesMax: number },
): AttachmentSource {
  const api = new URL(options.api)
  return (attachment, signal) => {
    if (attachment.sizeBytes === 0) throw new AttachmentEmptyError()
    if (attachment.sizeBytes > options.bytesMax)
      throw new AttachmentTooLargeError({ sizeBytes: attachment.sizeBytes, limitBytes: options.bytesMax })
    if (!isAttachmentAddress(attachment.url, api))
      throw new AttachmentUnreadableError({ reason: 'it does not lie at Discord' })
    return readAttachment(parts, attachment, signal)
  }
}

/** Whether a link leads to where attachments are kept. */
export function isAttachmentAddress(url: string, api: URL): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password, port } = new URL(url)
  if (username !== '' || password !== '') return false
  if (protocol === 'https:' && port === '' && DISCORD_HOSTS.includes(hostname)) return true
  return api.hostname !== DISCORD_API_HOST && hostname === api.hostname && /^https?:$/.test(protocol)
}

async function* readAttachment(
  { clock }: { clock: Clock },
  { url, sizeBytes }: Attachment,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const silence = new AbortController()
  const either = AbortSignal.any([signal, silence.signal])
  const tooLong = new DeadlineError({ what: 'Fetching the attachment', timeoutMs: SILENCE_MS })
  let timer = clock.after(SILENCE_MS, () => silence.abort(tooLong))
  let receivedBytes = 0
  try {
    const response = await fetch(url, { signal: either, redirect: 'error' })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new AttachmentUnreadableError({ reason: 'Discord has it no more', status: response.status })
    }
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      timer.stop()
      receivedBytes += piece.byteLength
      if (receivedBytes > sizeBytes)
        throw new AttachmentUnreadableError({ reason: 'it is longer than Discord said' })
      yield piece
      timer = clock.after(SILENCE_MS, () => silence.abort(tooLong))
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof AttachmentUnreadableError) throw error
    throw new AttachmentUnreadableError({ reason: 'the connection broke', cause: error })
  } finally {
    timer.stop()
  }
  if (receivedBytes < sizeBytes)
    throw new AttachmentUnreadableError({ reason: 'it is shorter than Discord said' })
}
