import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Finding } from '../core/finding.ts'
import { isKizunaError, toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import { checkCopies } from './check-copies.ts'
import type { Community } from './community.ts'
import type { Diagnosis, DiagnosisStep, RetrieveOptions } from './content.ts'
import { askHave } from './dds-client.ts'
import { HAVE_IDS_MAX } from './dds-protocol.ts'
import { diagnosisFinding as found } from './diagnosis-findings.ts'
import { findSources } from './find-sources.ts'
import type { Holdings } from './holdings.ts'
import type { ManifestReader } from './manifest-reader.ts'
import type { ObjectManifest } from './object-manifest.ts'

/** Peers looked at closely. */
const PEERS_MAX = 32
/** Chunks in the map, and read from our disk to check them. */
const CHUNKS_MAX = 1_000
const CONNECT_TIMEOUT_MS = 5_000
const TIMEOUT_MS_DEFAULT = 10_000

/** What a diagnosis looks at. */
export interface DiagnoseParts {
  network: Network
  community: Community
  chunks: ChunkStore
  holdings: Holdings
  manifests: ManifestReader
  /** Whether a chunk is kept on this machine; kept and not there is damaged. */
  isKept: (id: ContentId) => boolean
  clock: Clock
  log: Logger
}

interface Limits {
  signal: AbortSignal
  timeoutMs: number
}

/** What one peer answered. */
interface Answer {
  peer: PeerId
  /** Somebody said that this peer has it; the others are asked because they are connected. */
  named: boolean
  outcome: 'answers' | 'unreachable' | 'refuses'
  /** Chunks it says it can serve. */
  held: Set<ContentId>
  /** Chunks of which its copy is damaged or gone. */
  damaged: Set<ContentId>
}

/** Which copies there are of each chunk. */
interface Copies {
  /** Peers, us included, with a copy that is whole as far as is known. */
  sound: (id: ContentId) => PeerId[]
  /** Whether any copy can be reached, damaged ones included. */
  some: (id: ContentId) => boolean
}

type Note = (
  step: DiagnosisStep['step'],
  outcome: DiagnosisStep['outcome'],
  finding: Finding<DiagnosisStep['code']>,
) => void

/**
 * Walks a read step by step and says which one fails: id, local, manifest, providers, connect, permission,
 * chunks, integrity; with a map of which peers have which chunk. Ends within a few times `timeoutMs`.
 */
export async function diagnoseContent(
  parts: DiagnoseParts,
  id: ContentId,
  options: RetrieveOptions = {},
): Promise<Diagnosis> {
  const limits: Limits = {
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
    signal: options.signal ?? new AbortController().signal,
  }
  const steps: DiagnosisStep[] = [{ step: 'id', outcome: 'ok', ...found('ID_VALID', { id }) }]
  const note: Note = (step, outcome, finding) => steps.push({ step, outcome, ...finding })

  const hereBefore = await parts.chunks.has(id)
  note('local', hereBefore ? 'ok' : 'skipped', found(hereBefore ? 'MANIFEST_HERE' : 'MANIFEST_ELSEWHERE'))
  const manifest = await loadManifest(parts, id, limits, note)
  const ids = [id, ...(manifest?.catalogue ?? [])].slice(0, CHUNKS_MAX)
  const peers = await findPeers(parts, ids, limits)
  const here = await readHere(parts, ids)
  const isWhole = manifest?.shape.dataIds.every((chunk) => here.whole.has(chunk)) === true
  const answers = await Promise.all(peers.map((peer) => askPeer(parts, peer, ids, limits)))
  notePeers(answers, isWhole, note)

  const answersWith = (chunk: ContentId) =>
    answers.filter(({ held }) => held.has(chunk)).map(({ peer }) => peer)
  const elsewhere = ids.filter((chunk) => !here.whole.has(chunk) && answersWith(chunk).length > 0)
  const checked = await checkCopies(parts, elsewhere, answersWith, limits)
  for (const { id: chunk, peer } of checked.damaged) {
    const answer = answers.find((each) => each.peer === peer)
    answer?.held.delete(chunk)
    answer?.damaged.add(chunk)
  }
  const copies: Copies = {
    sound: (chunk) => [...(here.whole.has(chunk) ? [parts.network.peerId] : []), ...answersWith(chunk)],
    some: (chunk) =>
      here.whole.has(chunk) ||
      here.damaged.has(chunk) ||
      answers.some(({ held, damaged }) => held.has(chunk) || damaged.has(chunk)),
  }
  if (manifest !== undefined) noteChunks(manifest, copies, note)
  const read = here.whole.size + here.damaged.size + checked.read
  const damagedHere = here.damaged.size > 0
  noteIntegrity({ ids, manifest, copies, answers, read, damagedHere }, note)
  const wanted = ids.slice(manifest === undefined ? 0 : 1)
  return {
    readable:
      manifest !== undefined && lostOf(manifest, (chunk) => copies.sound(chunk).length > 0).length === 0,
    steps,
    chunkMap: wanted.map((chunk) => ({ id: chunk, peers: copies.sound(chunk) })),
  }
}

async function loadManifest(
  parts: DiagnoseParts,
  id: ContentId,
  limits: Limits,
  note: Note,
): Promise<ObjectManifest | undefined> {
  try {
    const { manifest } = await parts.manifests.load(id, limits)
    const { sizeBytes, shape } = manifest
    note('manifest', 'ok', found('MANIFEST_READ', { chunks: shape.dataIds.length, sizeBytes }))
    return manifest
  } catch (error) {
    if (limits.signal.aborted) throw error
    const { message, code, kind } = toKizunaError(error)
    note('manifest', 'failed', found('MANIFEST_UNREADABLE', { message, error: code, kind }))
    return undefined
  }
}

/** Those who are said to have it first, then those who are connected. */
async function findPeers(
  parts: DiagnoseParts,
  ids: readonly ContentId[],
  limits: Limits,
): Promise<{ peer: PeerId; named: boolean }[]> {
  const peers = new Map<PeerId, { peer: PeerId; named: boolean }>()
  for await (const peer of findSources(parts, ids, limits)) peers.set(peer, { peer, named: true })
  for (const { peer } of parts.network.connectedPeers()) {
    if (!peers.has(peer)) peers.set(peer, { peer, named: false })
  }
  return [...peers.values()].slice(0, PEERS_MAX)
}

/** Reads what is on our own disk. */
async function readHere(
  parts: DiagnoseParts,
  ids: readonly ContentId[],
): Promise<{ whole: Set<ContentId>; damaged: Set<ContentId> }> {
  const whole = new Set<ContentId>()
  const damaged = new Set<ContentId>()
  for (const id of ids) {
    if (!(await parts.chunks.has(id))) {
      if (parts.isKept(id)) damaged.add(id)
      continue
    }
    await parts.chunks.get(id).then(
      () => whole.add(id),
      () => damaged.add(id),
    )
  }
  return { whole, damaged }
}

async function askPeer(
  parts: DiagnoseParts,
  { peer, named }: { peer: PeerId; named: boolean },
  ids: readonly ContentId[],
  limits: Limits,
): Promise<Answer> {
  const timeoutMs = Math.min(CONNECT_TIMEOUT_MS, limits.timeoutMs)
  try {
    const batch = ids.slice(0, HAVE_IDS_MAX)
    const { held, kept } = await askHave(parts.network, peer, { ids: batch }, { ...limits, timeoutMs })
    return {
      peer,
      named,
      outcome: 'answers',
      held: new Set(batch.filter((_, place) => held[place])),
      damaged: new Set(batch.filter((_, place) => kept[place] && !held[place])),
    }
  } catch (error) {
    if (limits.signal.aborted) throw error
    const refuses = isKizunaError(error) && error.kind === 'denied'
    const outcome = refuses ? 'refuses' : 'unreachable'
    return { peer, named, outcome, held: new Set(), damaged: new Set() }
  }
}

function notePeers(answers: readonly Answer[], isWhole: boolean, note: Note): void {
  const bad = isWhole ? 'skipped' : 'failed'
  const count = (of: readonly Answer[], outcome: Answer['outcome']) =>
    of.filter((answer) => answer.outcome === outcome).length
  const holding = answers.filter(({ held, damaged }) => held.size + damaged.size > 0)
  // Those who refuse do so only when they have it.
  const candidates = answers.filter(
    (answer) => answer.named || answer.outcome === 'refuses' || holding.includes(answer),
  )
  note(
    'providers',
    candidates.length > 0 ? 'ok' : bad,
    found('PROVIDERS_COUNTED', { candidates: candidates.length, holding: holding.length }),
  )
  const asked = candidates.length > 0 ? candidates : answers
  const away = count(asked, 'unreachable')
  note(
    'connect',
    away < asked.length ? 'ok' : bad,
    found('PEERS_REACHED', { reached: asked.length - away, asked: asked.length, away }),
  )
  const refusing = count(answers, 'refuses')
  note(
    'permission',
    refusing > 0 && holding.length === 0 ? bad : 'ok',
    refusing > 0 ? found('READ_REFUSED', { count: refusing }) : found('READ_ALLOWED'),
  )
}

/** Chunks that cannot be had: not there themselves, and with less than k of their stripe there. */
function lostOf(manifest: ObjectManifest, isThere: (id: ContentId) => boolean): ContentId[] {
  return manifest.shape.dataIds.slice(0, CHUNKS_MAX).filter((id) => {
    if (isThere(id)) return false
    const stripe = manifest.stripeOf(id)
    return stripe === undefined || stripe.ids.filter(isThere).length < stripe.k
  })
}

/** Whether every chunk, or k of every stripe, is somewhere we can reach, whole or not. */
function noteChunks(manifest: ObjectManifest, copies: Copies, note: Note): void {
  const { dataIds } = manifest.shape
  const lost = lostOf(manifest, copies.some)
  const missing = dataIds.slice(0, CHUNKS_MAX).filter((id) => !copies.some(id))
  const rebuilt = missing.length - lost.length
  note(
    'chunks',
    lost.length === 0 ? 'ok' : 'failed',
    lost.length > 0
      ? found('CHUNKS_LOST', { lost: lost.length, chunks: dataIds.length })
      : rebuilt > 0
        ? found('CHUNKS_REBUILT', { rebuilt })
        : found('CHUNKS_THERE'),
  )
}

/** Whether what is there is what it should be: all of ours, and a sample of what others hold. */
function noteIntegrity(
  facts: {
    ids: readonly ContentId[]
    manifest: ObjectManifest | undefined
    copies: Copies
    answers: readonly Answer[]
    read: number
    damagedHere: boolean
  },
  note: Note,
): void {
  const { ids, manifest, copies, answers, read, damagedHere } = facts
  const damagedAt = answers.filter(({ damaged }) => damaged.size > 0).length + (damagedHere ? 1 : 0)
  const isSound = (id: ContentId) => copies.sound(id).length > 0
  // Without a manifest, `ids` is the id itself.
  const spoilt = (
    manifest === undefined ? ids.filter((id) => !isSound(id)) : lostOf(manifest, isSound)
  ).filter((id) => copies.some(id))
  if (damagedAt === 0) {
    if (read === 0) note('integrity', 'skipped', found('COPIES_UNREAD'))
    else note('integrity', 'ok', found('COPIES_WHOLE', { read }))
    return
  }
  const counts = { machines: damagedAt, spoilt: spoilt.length }
  if (spoilt.length > 0)
    note('integrity', 'failed', found(damagedHere ? 'COPIES_SPOILT_HERE' : 'COPIES_SPOILT', counts))
  else if (damagedHere) note('integrity', 'failed', found('COPIES_DAMAGED_HERE', counts))
  else note('integrity', 'ok', found('COPIES_DAMAGED', counts))
}
