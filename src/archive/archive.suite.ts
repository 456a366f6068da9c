/** An archive for tests: real records, tables and index on a disk in memory; content in a map, and a source that a test fills. */
import { createHash } from 'node:crypto'
import { MessageChannel } from 'node:worker_threads'
import type { Content, PublishOptions, RetrieveOptions } from '../content/content.ts'
import { ContentNotFoundError } from '../content/errors.ts'
import { SystemClock } from '../core/clock.ts'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { createMetrics } from '../core/metrics.ts'
import { SystemRandom } from '../core/random.ts'
import { Community, type CommunityNode } from '../records/community.suite.ts'
import type { Disk } from '../storage/disk.ts'
import { MemoryDisk } from '../storage/memory-disk.ts'
import { Archive } from './archive.ts'
import type { ArchiveOptions } from './archive-options.ts'
import type { ArchiveSource, AttachmentPlace, OpenedAttachment } from './archive-source.ts'
import type { ObservedChannel, ObservedMessage } from './archived-message.ts'
import { ChannelUnreadableError } from './errors.ts'

/** The space's content, as all its members have it. */
export class MemoryContent {
  readonly stored = new Map<ContentId, { bytes: Uint8Array; key: Uint8Array }>()
  readonly forgotten: ContentId[] = []

  /** The part of a node's content that an archive uses. */
  asContent(): Content {
    const { stored, forgotten } = this
    const content = {
      async publish(source: AsyncIterable<Uint8Array>, options: PublishOptions = {}) {
        const bytes = Buffer.concat(await Array.fromAsync(source))
        const key = options.encryptionKey ?? new Uint8Array(0)
        const id = contentIdOf(createHash('sha256').update(key).update(bytes).digest())
        stored.set(id, { bytes, key })
        return { id, sizeBytes: bytes.byteLength }
      },
      async retrieve(id: ContentId, options: RetrieveOptions = {}) {
        const found = stored.get(id)
        if (found === undefined || Buffer.compare(found.key, options.key ?? new Uint8Array(0)) !== 0)
          throw new ContentNotFoundError({ id, asked: [] })
        return { id, kind: 'file', sizeBytes: found.bytes.byteLength, bytes: oneOf(found.bytes) }
      },
      async forget(id: ContentId) {
        forgotten.push(id)
        return stored.delete(id)
      },
    }
    return content as unknown as Content
  }
}

/** A place of conversation that a test makes up. */
export class TestSource implements ArchiveSource {
  readonly prefix = 'test:'
  readonly channels = new Map<string, ObservedChannel>()
  readonly attachments = new Map<string, () => OpenedAttachment | Promise<OpenedAttachment>>()
  asked = 0
  changes = 0

  async describe(channel: string): Promise<ObservedChannel> {
    const found = this.channels.get(channel)
    if (found === undefined) throw new ChannelUnreadableError({ channel, reason: 'it is not there' })
    return found
  }

  async openAttachment({ attachment }: AttachmentPlace): Promise<OpenedAttachment> {
    this.asked++
    const open = this.attachments.get(attachment)
    if (open === undefined) throw new Error('the connection was cut')
    return open()
  }

  keptChanged(): void {
    this.changes++
  }

  activityOf(): string | undefined {
    return undefined
  }
}

/** One member's archive. */
export interface TestArchive {
  archive: Archive
  disk: Disk
  node: CommunityNode
  source: TestSource
}

/** Members of one space with an archive each; `await using` ends them. */
export class TestArchives {
  readonly content = new MemoryContent()
  readonly community = new Community()
  readonly clock = new SystemClock()
  readonly #open: Archive[] = []
  /** Timers of the product do not keep a process alive. */
  readonly #alive = new MessageChannel()

  constructor() {
    this.#alive.port1.ref()
  }

  async add(
    options: Partial<ArchiveOptions> & { disk?: Disk; node?: CommunityNode } = {},
  ): Promise<TestArchive> {
    const disk = options.disk ?? new MemoryDisk()
    const node = options.node ?? (await this.community.addNode())
    const archive = await Archive.open(
      {
        disk,
        content: this.content.asContent(),
        records: node.records,
        membership: node.membership,
        clock: this.clock,
        random: new SystemRandom(),
        log: silentLogger,
        metrics: createMetrics({ processMetrics: false }),
        self: node.peer,
      },
      { copies: 3, sealAfterMs: 0, ...options },
    )
    this.#open.push(archive)
    const source = new TestSource()
    archive.addSource(source)
    await archive.start()
    return { archive, disk, node, source }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((archive) => archive.stop().catch(() => {})))
    await this.community.stop()
    this.#alive.port1.close()
  }
}

/** A channel of the group `test:grove` in which everything is open, kept from now on. */
export async function keepTestChannel(
  { archive, source }: TestArchive,
  name = 'general',
  channel: Partial<ObservedChannel> & { erases?: boolean } = {},
): Promise<string> {
  const { erases = false, ...rest } = channel
  const id = `test:${name}`
  source.channels.set(id, { id, name, group: 'test:grove', isOpen: true, ...rest })
  await archive.keepChannel(id, { erases, signal: new AbortController().signal })
  return id
}

let said = 0

/** A message as a source would tell it. */
export function messageOf(text: string, facts: Partial<ObservedMessage> = {}): ObservedMessage {
  said++
  return {
    channel: 'test:general',
    id: String(said),
    author: { id: 'test:alder', name: 'alder' },
    sentAt: 1_700_000_000_000 + said * 1_000,
    text,
    attachments: [],
    previews: [],
    ...facts,
  }
}

/** Bytes as an attachment that a source opens. */
export function opened(
  bytes: Uint8Array,
  sizeBytes: number | undefined = bytes.byteLength,
): () => OpenedAttachment {
  return () => ({ bytes: oneOf(bytes), sizeBytes })
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
