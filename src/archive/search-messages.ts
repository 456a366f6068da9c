import type { IndexDatabase } from '../storage/index-database.ts'
import type { ChannelRow, Channels } from './channels.ts'
import { rowsBetween, sentAtOf } from './message-log.ts'
import { snippetOf } from './snippet.ts'
import { foldText, matchOf, type Question, readQuestion } from './words.ts'

/** The newest so many that match are put in order; of a common word nobody reads more. */
const CANDIDATES_MAX = 200
/** Channels named in one question to the index; with more, what it finds is sorted out afterwards. */
const FACETS_MAX = 200
/** How fast another occurrence of a word counts less, and how much length counts against a text (BM25's k1 and b). */
const SATURATION = 1.2
const LENGTH_WEIGHT = 0.75
/** A length that neither helps nor harms, in characters. */
const USUAL_LENGTH = 120
/** What being the newest is worth against being the best match. */
const RECENCY_WEIGHT = 0.4

/** Which channels may be looked at. `group`: those that everybody in it may read, and `channels`, whoever may read them. */
export type Visibility = 'all' | { group: string; channels?: readonly string[] } | 'open'

/** What to look for. */
export interface SearchWish {
  text: string
  sees: Visibility
  /** A person's id. */
  author?: string
  /** A channel's id; its threads belong to it. */
  channel?: string
  /** Sent from, sent until (milliseconds since 1970), both included. */
  from?: number
  to?: number
  limit: number
  offset: number
}

/** A message that was found. */
export interface Hit {
  channel: { id: string; name: string }
  id: string
  author: { id: string; name: string }
  sentAt: number
  /** Part of what it says around the first match. */
  snippet: string
  /** Where the words stand in the snippet: first character and length. */
  marks: [number, number][]
  attachments: string[]
}

/** Best first. `more`: there are others, older or further down. */
export interface Found {
  hits: Hit[]
  more: boolean
}

interface Candidate {
  row: number
  channel: number
  id: string
  author: string
  name: string
  text: string
  rest: string
}

/**
 * Messages in which all words of a question occur, those that were not deleted. The newest that match are ranked by how
 * often the words occur for their length, and by their age.
 */
export function searchMessages(
  { database, channels }: { database: IndexDatabase; channels: Channels },
  wish: SearchWish,
): Found {
  const question = readQuestion(wish.text)
  const visible = visibleChannels(channels, wish.sees)
  const facets = facetsOf(database, channels, wish, visible)
  if (question.terms.length === 0 || facets === undefined) return { hits: [], more: false }
  const { first, last } = rowsBetween(wish.from, wish.to)
  const rows = database.all<{ row: number }>(
    `SELECT rowid AS row FROM word WHERE word MATCH ? AND rowid BETWEEN CAST(? AS INTEGER) AND CAST(? AS INTEGER)
     ORDER BY rowid DESC LIMIT ?`,
    [[`words : (${matchOf(question)})`, ...facets.wanted].join(' AND '), ...facets.unwanted].join(' NOT '),
    first,
    last,
    CANDIDATES_MAX + 1,
  )
  const candidates = readCandidates(database, rows.slice(0, CANDIDATES_MAX)).filter(({ channel }) =>
    visible.has(channel),
  )
  const ranked = rank(question, candidates)
  const end = wish.offset + wish.limit
  return {
    hits: ranked.slice(wish.offset, end).map((candidate) => hitOf(candidate, question, visible)),
    more: ranked.length > end || rows.length > CANDIDATES_MAX,
  }
}

/** The channels that somebody may look at, by number. */
export function visibleChannels(channels: Channels, sees: Visibility): ReadonlyMap<number, ChannelRow> {
  const group = typeof sees === 'string' ? undefined : sees.group
  const named = new Set(typeof sees === 'string' ? [] : (sees.channels ?? []))
  const all = new Map(channels.list(group).map((channel) => [channel.no, channel]))
  if (sees === 'all') return all
  const mayRead = (channel: ChannelRow): boolean => {
    if (named.has(channel.id)) return true
    if (channel.open === 0) return false
    if (channel.root === channel.no) return true
    const root = all.get(channel.root)
    return root !== undefined && mayRead(root)
  }
  return new Map([...all].filter(([, channel]) => mayRead(channel)))
}

/** The question's filters in the index's language; undefined when nothing can match. */
function facetsOf(
  database: IndexDatabase,
  channels: Channels,
  wish: SearchWish,
  visible: ReadonlyMap<number, ChannelRow>,
): { wanted: string[]; unwanted: string[] } | undefined {
  const wanted: string[] = []
  if (wish.author !== undefined) {
    const author = database.get<{ no: number }>('SELECT no FROM person WHERE id = ?', wish.author)
    if (author === undefined) return undefined
    wanted.push(`facets : a${author.no}`)
  }
  if (wish.channel !== undefined) {
    const channel = channels.find(wish.channel)
    if (channel === undefined) return undefined
    wanted.push(`facets : ${channel.root === channel.no ? 'r' : 'c'}${channel.no}`)
  }
  if (visible.size === 0) return undefined
  if (wish.sees === 'all') return { wanted, unwanted: [] }
  const hidden = channels.list().filter(({ no }) => !visible.has(no))
  // The shorter list is the cheaper one: the index walks through every message of each channel that is named.
  const isMostVisible = messagesIn(hidden) < messagesIn([...visible.values()])
  const named = isMostVisible ? hidden : [...visible.values()]
  if (named.length === 0 || named.length > FACETS_MAX) return { wanted, unwanted: [] }
  const facet = `facets : (${named.map(({ no }) => `c${no}`).join(' OR ')})`
  return isMostVisible ? { wanted, unwanted: [facet] } : { wanted: [...wanted, facet], unwanted: [] }
}

function messagesIn(channels: readonly ChannelRow[]): number {
  return channels.reduce((sum, { messages }) => sum + messages, 0)
}

function readCandidates(database: IndexDatabase, rows: readonly { row: number }[]): Candidate[] {
  return database.all<Candidate>(
    `SELECT message.row AS row, channel, message.id AS id, person.id AS author, person.name AS name, event.text AS text,
       event.rest AS rest
     FROM json_each(?) AS wanted JOIN message ON message.row = wanted.value
     JOIN event ON event.no = message.said JOIN person ON person.no = message.author`,
    JSON.stringify(rows.map(({ row }) => row)),
  )
}

function rank(question: Question, newestFirst: readonly Candidate[]): Candidate[] {
  const scored = newestFirst.map((candidate, index) => {
    const text = foldText(candidate.text)
    const length = SATURATION * (1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * text.length) / USUAL_LENGTH)
    let score = RECENCY_WEIGHT * (1 - index / newestFirst.length)
    for (const term of question.terms) {
      const count = countOf(text, term.text)
      score += count / (count + length)
    }
    return { candidate, score }
  })
  return scored.toSorted((a, b) => b.score - a.score).map(({ candidate }) => candidate)
}

function countOf(text: string, term: string): number {
  let count = 0
  for (let at = text.indexOf(term); at >= 0 && count < 20; at = text.indexOf(term, at + term.length)) count++
  return count
}

function hitOf(candidate: Candidate, question: Question, visible: ReadonlyMap<number, ChannelRow>): Hit {
  const channel = visible.get(candidate.channel) as ChannelRow
  const rest = JSON.parse(candidate.rest) as { attachments?: { name: string }[] }
  const { snippet, marks } = snippetOf(candidate.text, question.terms)
  return {
    channel: { id: channel.id, name: channel.name },
    id: candidate.id,
    author: { id: candidate.author, name: candidate.name },
    sentAt: sentAtOf(candidate.row),
    snippet,
    marks,
    attachments: (rest.attachments ?? []).map(({ name }) => name),
  }
}
