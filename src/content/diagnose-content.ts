import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import { isKizunaError, toKizunaError } from '../core/kizuna-error.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Network } from '../network/network.ts'
import type { ChunkStore } from '../storage/chunk-store.ts'
import type { Community } from './community.ts'
import type { Diagnosis, DiagnosisStep, RetrieveOptions } from './content.ts'
import { askHave } from './dds-client.ts'
import { HAVE_IDS_MAX } from './dds-protocol.ts'
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
  clock: Clock
  log: Logger
}

type Answer = { peer: PeerId; outcome: 'answers' | 'unreachable' | 'refuses'; held: Set<ContentId> }

/**
 * Walks a read step by step and says which one fails: id, local, manifest, providers, connect, permission,
 * chunks, integrity; with a map of which peers have which chunk. Ends within a few times `timeoutMs`.
 */
export async function diagnoseContent(
  parts: DiagnoseParts,
  id: ContentId,
  options: RetrieveOptions = {},
): Promise<Diagnosis> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
  const signal = options.signal ?? new AbortController().signal
  const steps: DiagnosisStep[] = [{ step: 'id', outcome: 'ok', finding: `${id} is a content id.` }]
  const note = (step: DiagnosisStep['step'], outcome: DiagnosisStep['outcome'], finding: string) =>
    steps.push({ step, outcome, finding })

  const hereBefore = await parts.chunks.has(id)
  note(
    'local',
    hereBefore ? 'ok' : 'skipped',
    hereBefore ? 'Its manifest is on this machine.' : 'Its manifest is not on this machine; peers are asked.',
  )
  const manifest = await loadManifest(parts, id, { signal, timeoutMs }, note)
  const ids = [id, ...(manifest?.catalogue ?? [])].slice(0, CHUNKS_MAX)
  const peers = await findPeers(parts, ids, { signal, timeoutMs })
  const here = new Set<ContentId>()
  for (const chunk of ids) if (await parts.chunks.has(chunk)) here.add(chunk)
  const isWhole = manifest?.shape.dataIds.every((chunk) => here.has(chunk)) === true
  const answers = await Promise.all(peers.map((peer) => askPeer(parts, peer, ids, { signal, timeoutMs })))
  notePeers(answers, isWhole, note)

  const holders = (chunk: ContentId): PeerId[] => [
    ...(here.has(chunk) ? [parts.network.peerId] : []),
    ...answers.filter(({ held }) => held.has(chunk)).map(({ peer }) => peer),
  ]
  const chunksFound = manifest !== undefined && noteChunks(manifest, holders, note)
  const whole = await noteIntegrity(parts, [...here], note)
  const chunkMap = ids
    .slice(manifest === undefined ? 0 : 1)
    .map((chunk) => ({ id: chunk, peers: holders(chunk) }))
  const readable = chunksFound && (whole || answers.some(({ outcome }) => outcome === 'answers'))
  return { readable, steps, chunkMap }
}

type Note = (step: DiagnosisStep['step'], outcome: DiagnosisStep['outcome'], finding: string) => void

async function loadManifest(
  parts: DiagnoseParts,
  id: ContentId,
  options: { signal: AbortSignal; timeoutMs: number },
  note: Note,
): Promise<ObjectManifest | undefined> {
  try {
    const { manifest } = await parts.manifests.load(id, options)
    note('manifest', 'ok', `It has ${manifest.shape.dataIds.length} chunks and ${manifest.sizeBytes} bytes.`)
    return manifest
  } catch (error) {
    if (options.signal.aborted) throw error
    note('manifest', 'failed', toKizunaError(error).message)
    return undefined
  }
}

async function findPeers(
  parts: DiagnoseParts,
  ids: readonly ContentId[],
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<PeerId[]> {
  const peers = new Set<PeerId>()
  for await (const peer of findSources(parts, ids, options)) peers.add(peer)
  for (const { peer } of parts.network.connectedPeers()) peers.add(peer)
  return [...peers].slice(0, PEERS_MAX)
}

async function askPeer(
  parts: DiagnoseParts,
  peer: PeerId,
  ids: readonly ContentId[],
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<Answer> {
  const timeoutMs = Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs)
  try {
    const batch = ids.slice(0, HAVE_IDS_MAX)
    const { held } = await askHave(parts.network, peer, { ids: batch }, { signal: options.signal, timeoutMs })
    return { peer, outcome: 'answers', held: new Set(batch.filter((_, place) => held[place])) }
  } catch (error) {
    if (options.signal.aborted) throw error
    const refuses = isKizunaError(error) && error.kind === 'denied'
    return { peer, outcome: refuses ? 'refuses' : 'unreachable', held: new Set() }
  }
}

function notePeers(answers: readonly Answer[], isWhole: boolean, note: Note): void {
  const providers = answers.length
  const answering = answers.filter(({ outcome }) => outcome === 'answers')
  const refusing = answers.filter(({ outcome }) => outcome === 'refuses')
  const holding = answering.filter(({ held }) => held.size > 0)
  const bad = isWhole ? 'skipped' : 'failed'
  note(
    'providers',
    holding.length + refusing.length > 0 || answers.length > answering.length ? 'ok' : bad,
    `${providers} peers may have it; ${holding.length} say they do.`,
  )
  const away = answers.length - answering.length - refusing.length
  note(
    'connect',
    answering.length + refusing.length > 0 ? 'ok' : bad,
    `${answering.length + refusing.length} of ${providers} peers can be reached, ${away} cannot.`,
  )
  note(
    'permission',
    refusing.length > 0 && holding.length === 0 ? bad : 'ok',
    refusing.length > 0 ? `${refusing.length} peers refuse to serve us.` : 'Nobody refuses us.',
  )
}

/** Whether every chunk, or k of every stripe, is somewhere we can reach. */
function noteChunks(manifest: ObjectManifest, holders: (id: ContentId) => PeerId[], note: Note): boolean {
  const missing = manifest.shape.dataIds.slice(0, CHUNKS_MAX).filter((id) => holders(id).length === 0)
  const lost = missing.filter((id) => {
    const stripe = manifest.stripeOf(id)
    return stripe === undefined || stripe.ids.filter((shard) => holders(shard).length > 0).length < stripe.k
  })
  const rebuilt = missing.length - lost.length
  note(
    'chunks',
    lost.length === 0 ? 'ok' : 'failed',
    lost.length > 0
      ? `${lost.length} of ${manifest.shape.dataIds.length} chunks are with nobody we can reach.`
      : `Every chunk can be had${rebuilt > 0 ? `, ${rebuilt} of them rebuilt from parity` : ''}.`,
  )
  return lost.length === 0
}

async function noteIntegrity(parts: DiagnoseParts, here: readonly ContentId[], note: Note): Promise<boolean> {
  let damaged = 0
  for (const id of here) {
    await parts.chunks.get(id).catch(() => {
      damaged++
    })
  }
  note(
    'integrity',
    damaged > 0 ? 'failed' : here.length === 0 ? 'skipped' : 'ok',
    here.length === 0
      ? 'Nothing of it is on this machine.'
      : `${here.length - damaged} of ${here.length} chunks on this machine are whole.`,
  )
  return damaged === 0 && here.length > 0
}
