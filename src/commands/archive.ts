import { resolve } from 'node:path'
import { z } from 'zod'
import type { Visibility } from '../archive/search-messages.ts'
import { InvalidInputError } from '../core/errors.ts'
import type { Services } from '../node/services.ts'
import type { Disk } from '../storage/disk.ts'
import { createFileDisk } from '../storage/file-disk.ts'
import { type Caller, type CommandContext, defineCommand } from './command.ts'
import { share } from './share.ts'

const ACTIONS = ['status', 'search', 'start', 'stop', 'export', 'optout', 'optin'] as const
const HITS_MAX = 50
const OFFSET_MAX = 200
/** For reading what other members published: before a question, and before an export. */
const LOAD_MS = 3_000
const LOAD_FOR_EXPORT_MS = 60_000
/** Where exports go in the data folder when no path is given. */
const EXPORTS_FOLDER = 'exports'

const input = z.strictObject({
  action: z.enum(ACTIONS).default('status').describe('What to do'),
  query: z
    .string()
    .max(500)
    .optional()
    .describe('Words to find; "in quotes" for a phrase, word* for a beginning, -word to leave out'),
  channel: z.string().max(100).optional().describe('Channel: its id or its name'),
  author: z.string().max(100).optional().describe('Only what this person said: their id'),
  from: z.string().max(40).optional().describe('Only what was said since then: 2026-11-21, or with a time'),
  to: z.string().max(40).optional().describe('Only what was said until then'),
  limit: z.coerce.number().int().min(1).max(HITS_MAX).default(10).describe('At most so many'),
  offset: z.coerce.number().int().min(0).max(OFFSET_MAX).default(0).describe('Leave out so many first'),
  deletions: z
    .enum(['keep', 'erase'])
    .default('keep')
    .describe('What is deleted there: keep it as a version that no search finds, or erase it here too'),
  path: z.string().max(4_096).optional().describe('Folder on the machine of the node to export to'),
  share: z.boolean().default(false).describe('Also share the export with the space, and give its link'),
  erase: z.boolean().default(false).describe('Also erase what is kept of you so far'),
  person: z.string().max(100).optional().describe('On behalf of this person, who asked for it'),
})

type ArchiveInput = z.output<typeof input>

/** Keeps a conversation. */
export const archive = defineCommand({
  name: 'archive',
  summary: 'Keep what is said in a channel, find it again, export it',
  description:
    'Keeps the messages of a channel with their edits and attachments, those from before too, and goes on after an interruption. Any member’s node can search and export it, also when the bot’s is gone. Whoever does not want to be kept says `optout`; `--erase` takes away what is there already.\n\nExample: kizuna archive search "red oak" --channel general',
  permission: 'member',
  cost: 'light',
  input,
  ownerFields: ['path', 'person'],
  actions: {
    start: {
      summary: 'Begin to keep a channel, with what was said before',
      permission: 'steward',
      fields: ['channel', 'deletions'],
      changes: true,
    },
    stop: {
      summary: 'Keep nothing more of a channel; what is kept stays',
      permission: 'steward',
      fields: ['channel'],
      changes: true,
    },
    status: { summary: 'Show what is kept and how far it has come', fields: [] },
    search: {
      summary: 'Find messages that are kept',
      fields: ['query', 'channel', 'author', 'from', 'to', 'limit', 'offset'],
      confidential: true,
    },
    export: {
      summary: 'Write the archive as a folder of JSON and pages',
      permission: 'steward',
      fields: ['channel', 'from', 'to', 'share', 'path'],
      changes: true,
      confidential: true,
    },
    optout: {
      summary: 'Have nothing that you say kept from now on',
      permission: 'anyone',
      fields: ['erase', 'person'],
      confidential: true,
    },
    optin: {
      summary: 'Take part again in what is kept',
      permission: 'anyone',
      fields: ['person'],
      confidential: true,
    },
  },
  positional: ['action', 'query'],
  async run(services, wish, context) {
    switch (wish.action) {
      case 'start':
        return startKeeping(services, wish, context)
      case 'stop':
        return stopKeeping(services, wish, context.caller)
      case 'search':
        return search(services, wish, context)
      case 'export':
        return exportFolder(services, wish, context)
      case 'optout':
        return optOut(services, wish, context.caller)
      case 'optin': {
        const person = wish.person ?? context.caller.id
        services.archive.optIn(person)
        return { action: wish.action, person, optedOut: false }
      }
      default:
        return status(services, context)
    }
  },
})

async function startKeeping(services: Services, wish: ArchiveInput, { caller, signal }: CommandContext) {
  const id = channelId(needed(wish.channel, 'channel', 'start'), caller)
  // What another member's node kept so far, and who opted out there; from now on this node believes itself.
  await services.archive.load(services.clock.deadline(LOAD_FOR_EXPORT_MS, signal))
  const channel = await services.archive.keepChannel(id, {
    erases: wish.deletions === 'erase',
    signal,
    ...(caller.group === undefined ? {} : { group: caller.group }),
  })
  return { action: wish.action, channel: { id: channel.id, name: channel.name }, deletions: wish.deletions }
}

function stopKeeping({ archive: kept }: Services, wish: ArchiveInput, caller: Caller) {
  const text = needed(wish.channel, 'channel', 'stop')
  // Who runs the community may stop what they cannot see any more.
  const sees: Visibility =
    caller.group === undefined
      ? 'all'
      : { group: caller.group, channels: [channelId(text, caller), ...(caller.channels ?? [])] }
  const { id, name } = kept.channelNamed(mentioned(text), sees)
  kept.letGoOfChannel(id, caller.group)
  return { action: wish.action, channel: { id, name } }
}

async function status({ archive: kept, clock }: Services, { caller, signal }: CommandContext) {
  await kept.load(clock.deadline(LOAD_MS, signal))
  const { channels, ...rest } = kept.status(visibilityOf(caller))
  return {
    action: 'status' as const,
    channels: channels.map(({ oldestAt, newestAt, ...channel }) => ({
      ...channel,
      oldestAt: isoOrNull(oldestAt),
      newestAt: isoOrNull(newestAt),
    })),
    ...rest,
    youAreOptedOut: kept.isOptedOut(caller.id),
  }
}

async function search(
  { archive: kept, clock }: Services,
  wish: ArchiveInput,
  { caller, signal }: CommandContext,
) {
  const text = needed(wish.query, 'query', 'search')
  const sees = visibilityOf(caller)
  const { left } = await kept.load(clock.deadline(LOAD_MS, signal))
  const { hits, more } = kept.search({
    text,
    sees,
    limit: wish.limit,
    offset: wish.offset,
    ...(wish.channel === undefined ? {} : { channel: kept.channelNamed(mentioned(wish.channel), sees).id }),
    ...(wish.author === undefined ? {} : { author: personId(wish.author, caller) }),
    ...timesOf(wish),
  })
  return {
    action: wish.action,
    query: text,
    hits: hits.map(({ sentAt, ...hit }) => ({ ...hit, sentAt: new Date(sentAt).toISOString() })),
    more,
    /** Parts of the archive that could not be read yet; asking again may find more. */
    unread: left,
  }
}

async function exportFolder(services: Services, wish: ArchiveInput, context: CommandContext) {
  const { archive: kept, clock, disk, config } = services
  const { caller, signal } = context
  const sees = visibilityOf(caller)
  const { left } = await kept.load(clock.deadline(LOAD_FOR_EXPORT_MS, signal))
  const name = `archive-${new Date(clock.now()).toISOString().slice(0, 19).replaceAll(':', '')}`
  const place = await placeFor(disk, wish.path, name)
  const summary = await kept.export({
    sees,
    ...place,
    signal,
    ...(wish.channel === undefined ? {} : { channel: kept.channelNamed(mentioned(wish.channel), sees).id }),
    ...timesOf(wish),
    onProgress: (done, total) => context.progress({ phase: 'exporting', done, total, unit: 'items' }),
  })
  const path = resolve(wish.path ?? config.home, place.folder)
  const shared = wish.share
    ? await share.run(services, share.input.parse({ path, name, private: true, wait: 'local' }), context)
    : undefined
  // What was shared is in the space, encrypted; a copy in the clear would only lie about.
  const isPassing = shared !== undefined && wish.path === undefined
  if (isPassing) await removeFolder(place.disk, place.folder)
  return {
    action: wish.action,
    // Where the data folder is concerns the owner alone.
    path: isPassing ? null : caller.permission === 'owner' ? path : place.folder,
    ...summary,
    unread: left,
    ...(shared === undefined ? {} : { id: shared.id, link: shared.link }),
  }
}

async function removeFolder(disk: Disk, folder: string): Promise<void> {
  for await (const { name, kind } of disk.list(folder)) {
    if (kind === 'folder') await removeFolder(disk, `${folder}/${name}`)
    else await disk.remove(`${folder}/${name}`)
  }
  await disk.remove(folder)
}

async function optOut({ archive: kept }: Services, wish: ArchiveInput, caller: Caller) {
  const person = wish.person ?? caller.id
  kept.optOut(person)
  const erased = wish.erase ? await kept.erase(person) : 0
  return { action: wish.action, person, optedOut: true, erased }
}

/** The folder of a node, or one that its owner named; never over what is there. */
async function placeFor(
  home: Disk,
  path: string | undefined,
  name: string,
): Promise<{ disk: Disk; folder: string }> {
  if (path !== undefined) return { disk: createFileDisk(resolve(path)), folder: name }
  await home.makeFolder(`${EXPORTS_FOLDER}/${name}`)
  return { disk: home, folder: `${EXPORTS_FOLDER}/${name}` }
}

/**
 * Which channels a caller may look at. Somebody in a community sees that community's alone, and of those the ones that
 * everybody there may read, besides those that the app says they may. The node's owner, at the node, sees all.
 */
function visibilityOf({ group, channels, permission }: Caller): Visibility {
  if (group !== undefined) return { group, ...(channels === undefined ? {} : { channels }) }
  return permission === 'owner' ? 'all' : 'open'
}

/** A channel as people of a community name it, with the source that the community has. */
function channelId(text: string, caller: Caller): string {
  const plain = mentioned(text)
  return plain.includes(':') ? plain : `${sourceOf(caller)}:${plain}`
}

function personId(text: string, caller: Caller): string {
  const plain = text.replace(/^<@!?(\d+)>$/, '$1')
  return plain.includes(':') ? plain : `${sourceOf(caller)}:${plain}`
}

/** Discord is the only source there is today. */
function sourceOf({ group }: Caller): string {
  return group?.split(':', 1)[0] ?? 'discord'
}

/** The id in a channel mention of Discord, which people write for the channel's name. */
function mentioned(text: string): string {
  return text.replace(/^<#(\d+)>$/, '$1')
}

function needed(value: string | undefined, field: string, action: string): string {
  if (value !== undefined && value.trim() !== '') return value.trim()
  throw new InvalidInputError({
    what: 'The input of archive',
    reason: `${action} needs a ${field}`,
    hint: `\`kizuna help archive\` shows what ${action} takes.`,
  })
}

function timesOf({ from, to }: ArchiveInput): { from?: number; to?: number } {
  return {
    ...(from === undefined ? {} : { from: timeOf(from, 'from', '00:00:00.000') }),
    ...(to === undefined ? {} : { to: timeOf(to, 'to', '23:59:59.999') }),
  }
}

/** A date (UTC) or a date with a time, in milliseconds since 1970. */
function timeOf(text: string, field: string, ofDay: string): number {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const ms = Date.parse(isDay ? `${text}T${ofDay}Z` : text)
  if (!Number.isNaN(ms) && ms >= 0) return ms
  throw new InvalidInputError({
    what: `The time in ${field}`,
    reason: 'it is not a date',
    hint: 'Write 2026-11-21, or 2026-11-21T18:00Z.',
  })
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
