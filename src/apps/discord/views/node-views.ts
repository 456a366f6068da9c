import type { Verdict } from '../../../commands/verdict.ts'
import type { Finding } from '../../../core/finding.ts'
import { code, prose, safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import { formatBytes, formatDuration } from '../words/format.ts'
import { findingText, stepName } from './finding-text.ts'
import type { ViewContext } from './view-context.ts'

const PEERS_SHOWN_MAX = 20
/** So much of a node's id tells it from others in its space. */
const SHORT_ID_LENGTH = 6

/** What `ping` answers. */
export interface PingResult {
  message: string
  tookMs: number
  peers: { peer: string; latencyMs: number | null }[]
}

/** What `status` answers, as far as it is shown. */
export interface StatusResult {
  peerId: string
  label: string
  version: string
  uptimeMs: number
  space: { name: string }
  members: number
  membersOnline: number
  connectedPeers: number
  stored: { sizeBytes: number }
  storedForOthersBytes: number
  quota: { storageBytesMax: number; storageForOthersBytesMax: number }
  keptObjects: number
  durability: { belowTarget: number; unreadable: number }
  queues: { repair: number }
  verdict: Verdict
  health: { name: string; state: string; error?: string | null }[]
}

/** What `peers` answers. */
export interface PeersResult {
  peers: {
    peer: string
    label: string
    online: boolean
    path: 'direct' | 'relayed' | null
    latencyMs: number | null
    freeBytes: number | null
  }[]
}

/** What `doctor` answers. */
export interface DoctorResult {
  healthy?: boolean
  readable?: boolean
  steps: (Finding & { step: string; outcome: Outcome })[]
}

type Outcome = 'ok' | 'failed' | 'skipped'

/** What the bot found about its own place, in the person's language already. */
export interface PlaceFinding {
  step: string
  outcome: Outcome
  text: string
}

/** The node answers. */
export function pingView({ say }: ViewContext, result: PingResult, peer: string | undefined): View {
  const [first] = result.peers
  const delay =
    peer !== undefined && first?.latencyMs != null
      ? say('pongPeer', { peer: code(peer, 64), delay: Math.round(first.latencyMs * 10) / 10 })
      : say('pongDelay', { took: result.tookMs, peers: result.peers.length })
  return { kind: 'note', tone: 'good', text: say('pong', { delay }) }
}

/** How the node is. */
export function statusView(context: ViewContext, result: StatusResult): View {
  const { say } = context
  const { quota, durability } = result
  const stored = formatBytes(result.stored.sizeBytes)
  const parts = result.health
  const well = parts.filter(({ state }) => state === 'ok').map(({ name }) => safeText(name, 40))
  const ill = parts.filter(({ state }) => state !== 'ok')
  return {
    kind: 'card',
    tone: TONES[result.verdict.state],
    title: say('status.title', { name: safeText(result.label || result.peerId.slice(-SHORT_ID_LENGTH), 80) }),
    text: result.verdict.findings.map((one) => findingText(context, one)).join(' '),
    facts: [
      { label: say('status.space'), value: safeText(result.space.name, 80) },
      {
        label: say('status.members'),
        value: say('status.membersOnline', { members: result.members, online: result.membersOnline }),
      },
      { label: say('status.peers'), value: String(result.connectedPeers) },
      { label: say('status.uptime'), value: formatDuration(result.uptimeMs) },
      {
        label: say('status.stored'),
        value:
          quota.storageBytesMax > 0
            ? say('status.storedOf', { stored, quota: formatBytes(quota.storageBytesMax) })
            : stored,
      },
      {
        label: say('status.others'),
        value: say('status.storedOf', {
          stored: formatBytes(result.storedForOthersBytes),
          quota: formatBytes(quota.storageForOthersBytesMax),
        }),
      },
      { label: say('status.kept'), value: String(result.keptObjects) },
      // Nothing to do is nothing to say.
      ...(durability.belowTarget === 0
        ? []
        : [{ label: say('status.belowTarget'), value: String(durability.belowTarget) }]),
      { label: say('status.queues'), value: String(result.queues.repair) },
      { label: say('status.id'), value: code(result.peerId, 64) },
      { label: say('status.version'), value: safeText(result.version, 20) },
    ],
    lines: [
      ...ill.map(
        ({ name, state, error }) =>
          `${MARKS[state] ?? '·'} ${safeText(name, 40)}${error == null ? '' : `: ${safeText(error, 160)}`}`,
      ),
      ...(well.length === 0 ? [] : [`${MARKS.ok} ${well.join(', ')}`]),
    ],
  }
}

const TONES = {
  well: 'good',
  alone: 'plain',
  healing: 'plain',
  impaired: 'warning',
  failing: 'warning',
} as const satisfies Readonly<Record<Verdict['state'], View['tone']>>

const MARKS: Readonly<Record<string, string>> = {
  ok: '✅',
  failed: '❌',
  skipped: '▫️',
  degraded: '⚠️',
  down: '❌',
}

/** Who is connected. */
export function peersView({ say }: ViewContext, { peers }: PeersResult): View {
  if (peers.length === 0) return { kind: 'note', tone: 'warning', text: say('peers.none') }
  const left = peers.length - PEERS_SHOWN_MAX
  return {
    kind: 'card',
    tone: 'plain',
    title: `${say('peers.title')} · ${peers.length}`,
    lines: [
      ...peers.slice(0, PEERS_SHOWN_MAX).map((peer) => {
        const facts = [
          peer.path === null ? say('peers.away') : say(`peers.${peer.path}`),
          peer.latencyMs === null ? '' : `${peer.latencyMs} ms`,
          peer.freeBytes === null ? '' : say('peers.free', { size: formatBytes(peer.freeBytes) }),
        ]
        return `**${safeText(peer.label || '–', 40)}** ${code(peer.peer, 64)} · ${facts.filter((fact) => fact !== '').join(' · ')}`
      }),
      ...(left > 0 ? [say('more', { count: left })] : []),
    ],
  }
}

/** What was exchanged. */
export function syncView(
  { say }: ViewContext,
  result: {
    peers: number
    recordsSent: number
    recordsReceived: number
    keysSent: number
    keysReceived: number
    durationMs: number
  },
): View {
  return {
    kind: 'card',
    tone: 'good',
    title: say('sync.done', { peers: result.peers, took: result.durationMs }),
    facts: [
      {
        label: say('sync.records'),
        value: say('sync.counts', { sent: result.recordsSent, received: result.recordsReceived }),
      },
      {
        label: say('sync.keys'),
        value: say('sync.counts', { sent: result.keysSent, received: result.keysReceived }),
      },
    ],
  }
}

/** What was found, step by step; `here` are the bot's own findings about its place. */
export function doctorView(
  context: ViewContext,
  result: DoctorResult,
  here: readonly PlaceFinding[] = [],
): View {
  const { say } = context
  const steps: PlaceFinding[] = [
    ...result.steps.map(({ step, outcome, ...found }) => ({
      step: stepName(say, step),
      outcome,
      text: findingText(context, found),
    })),
    ...here.map(({ step, outcome, text }) => ({ step: safeText(step, 40), outcome, text: prose(text) })),
  ]
  const isWell = result.readable ?? steps.every(({ outcome }) => outcome !== 'failed')
  const verdict =
    result.readable === undefined
      ? say(isWell ? 'doctor.well' : 'status.look')
      : say(isWell ? 'doctor.readable' : 'doctor.unreadable')
  return {
    kind: 'card',
    tone: isWell ? 'good' : 'warning',
    title: say('doctor.title'),
    text: verdict,
    lines: steps.map(({ step, outcome, text }) => `${MARKS[outcome] ?? '·'} **${step}** ${text}`),
  }
}
