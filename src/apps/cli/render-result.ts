import type { Verdict } from '../../commands/verdict.ts'
import { formatBytes } from '../../core/format-bytes.ts'
import type { Setting } from '../../node/configuration.ts'
import { formatDuration, formatMoment, withReadableBytes } from './format-numbers.ts'
import { formatTable } from './format-table.ts'
import { renderArchive } from './render-archive.ts'
import { renderDescribe } from './render-describe.ts'
import { renderFacts } from './render-facts.ts'
import { renderAudit, renderHistory } from './render-log.ts'
import { renderFeedback, renderPrivacy } from './render-person.ts'
import { renderSetup } from './render-setup.ts'
import { renderTask } from './render-task.ts'
import { safeText } from './terminal.ts'

type Facts = Record<string, unknown>
type Render = (facts: never) => string

/** A command's result for people; what has no form of its own is listed by name. */
export function renderResult(command: string, result: unknown): string {
  const render = RENDERERS[command] as ((facts: unknown) => string) | undefined
  return render === undefined ? renderFacts(result as Facts) : render(result)
}

const RENDERERS: Readonly<Record<string, Render>> = {
  ping: (facts: {
    message: string
    tookMs: number
    peers: { peer: string; latencyMs: number | null; path: string }[]
  }) =>
    [
      `${facts.message} (${facts.tookMs} ms)`,
      ...facts.peers.map(
        ({ peer, latencyMs, path }) =>
          `  ${peer}  ${latencyMs === null ? '?' : latencyMs.toFixed(1)} ms  ${path}`,
      ),
    ].join('\n'),
  status: renderStatus,
  archive: renderArchive,
  describe: renderDescribe,
  history: renderHistory,
  audit: renderAudit,
  privacy: renderPrivacy,
  feedback: renderFeedback,
  task: renderTask,
  setup: renderSetup,
  list: (facts: { files: Facts[]; total: number }) => {
    if (facts.total === 0) return 'Nothing is shared yet. `kizuna share FILE` shares something.'
    const rows = facts.files.map((file) => [
      safeText(String(file.name)),
      formatBytes(Number(file.sizeBytes)),
      safeText(String(file.mediaType)),
      safeText(String(file.publisherLabel || file.publisher)),
      `${file.holders} (${file.policy})`,
      String(file.id),
    ])
    const table = formatTable(['NAME', 'SIZE', 'TYPE', 'PUBLISHER', 'HOLDERS', 'ID'], rows)
    return facts.total > rows.length
      ? `${table}\n… ${rows.length} of ${facts.total}; --offset shows more.`
      : table
  },
  peers: (facts: { peers: Facts[] }) => {
    if (facts.peers.length === 0)
      return 'No peers are connected. `kizuna invite` makes a link for another machine.'
    const rows = facts.peers.map((peer) => [
      safeText(String(peer.label || '–')),
      String(peer.peer),
      peer.latencyMs === null ? '–' : `${peer.latencyMs} ms`,
      String(peer.path ?? (peer.online === true ? 'online' : 'away')),
      peer.freeBytes === null ? '–' : formatBytes(Number(peer.freeBytes)),
      peer.member === true ? 'member' : 'guest',
    ])
    return formatTable(['NAME', 'ID', 'DELAY', 'PATH', 'FREE', 'IS'], rows)
  },
  members: (facts: { space: string; members: Facts[] }) =>
    formatTable(
      ['NAME', 'ID', 'IS', 'SINCE (UTC)'],
      facts.members.map((member) => [
        safeText(String(member.label || '–')),
        String(member.peer),
        String(member.role),
        formatMoment(String(member.joinedAt)),
      ]),
    ),
  token: (facts: Facts & { tokens?: Facts[] }) => {
    if (facts.revoked !== undefined)
      return facts.revoked === true ? 'The token is void now.' : 'There is no such token.'
    if (facts.tokens === undefined)
      return `${facts.token}\n\nIt may ${facts.scope} until ${formatMoment(String(facts.expiresAt))} (UTC), and is shown this once. To take it back: kizuna token --revoke ${facts.id}`
    if (facts.tokens.length === 0) return 'There are no tokens. `kizuna token --scope read` makes one.'
    const rows = facts.tokens.map(({ id, scope, label, expiresAt }) => [
      String(id),
      String(scope),
      formatMoment(String(expiresAt)),
      safeText(String(label || '–')),
    ])
    return formatTable(['ID', 'MAY', 'UNTIL (UTC)', 'FOR'], rows)
  },
  sync: (facts: Facts) =>
    `Exchanged with ${facts.peers} peers in ${facts.durationMs} ms: records ${facts.recordsSent} sent, ${facts.recordsReceived} received; keys ${facts.keysSent} sent, ${facts.keysReceived} received.`,
  join: (facts: Facts) =>
    `You are in ${safeText(String(facts.name))} now, with ${facts.members} members (${facts.admission}).`,
  keep: (facts: Facts) => `Kept here: ${facts.id}`,
  forget: (facts: Facts) =>
    [
      facts.forgotten === true
        ? `Let go of ${facts.id}; its room is free again after a while.`
        : `${facts.id} was not kept here.`,
      ...(facts.removedFromList === true ? ['It is off the shared list.'] : []),
    ].join('\n'),
  doctor: (facts: {
    readable?: boolean
    healthy?: boolean
    steps: { step: string; outcome: string; finding: string }[]
    chunkMap?: { id: string; peers: string[] }[]
  }) =>
    [
      ...facts.steps.map(
        ({ step, outcome, finding }) =>
          `${MARKS[outcome] ?? '?'} ${step}: ${safeText(withReadableBytes(finding))}`,
      ),
      ...(facts.chunkMap ?? []).map(({ id, peers }) => `  ${id}  ${peers.join(' ')}`),
      facts.readable === true || facts.healthy === true ? 'All is well.' : failedStep(facts.steps),
    ].join('\n'),
  config: renderSettings,
}

const MARKS: Readonly<Record<string, string>> = { ok: 'ok     ', failed: 'FAILED ', skipped: 'skipped' }

function failedStep(steps: readonly { step: string; outcome: string }[]): string {
  const failed = steps.filter(({ outcome }) => outcome === 'failed').map(({ step }) => step)
  return failed.length === 0 ? 'It cannot be read now.' : `What fails: ${failed.join(', ')}.`
}

function renderStatus(facts: Facts): string {
  const space = facts.space as Facts
  const stored = facts.stored as Facts
  const quota = facts.quota as { storageBytesMax: number; storageForOthersBytesMax: number }
  const queues = Object.entries(facts.queues as Record<string, number>).map(
    ([name, count]) => `${name} ${count}`,
  )
  const { findings } = facts.verdict as Verdict
  const rows: [string, string][] = [
    ['node', `${safeText(String(facts.label || facts.peerId))} (${facts.role}, ${facts.version})`],
    ['peer id', String(facts.peerId)],
    ['up for', formatDuration(Number(facts.uptimeMs))],
    ['space', `${safeText(String(space.name))} (${space.admission})`],
    ['members', `${facts.members}, ${facts.membersOnline} online`],
    ['peers', `${facts.connectedPeers} connected`],
    ['addresses', (facts.addresses as string[]).join('\n') || 'none'],
    [
      'stored',
      `${formatBytes(Number(stored.diskBytes))} in ${stored.chunks} chunks${quota.storageBytesMax > 0 ? `, of ${formatBytes(quota.storageBytesMax)}` : ''}`,
    ],
    [
      'for others',
      `${formatBytes(Number(facts.storedForOthersBytes))} of ${formatBytes(quota.storageForOthersBytesMax)}`,
    ],
    ['durability', durabilityLine(facts.durability as DurabilityFacts, Number(facts.keptObjects))],
    ['disk check', diskCheckLine(facts.scrub as ScrubFacts)],
    ['average', `${facts.averageChunksPerPeer} chunks per peer`],
    ['queues', queues.join(', ')],
    [
      'traffic',
      `${formatBytes(Number(facts.receivedBytes))} received, ${formatBytes(Number(facts.sentBytes))} sent`,
    ],
    ...leavingRows(facts.leaving as LeavingFacts | null),
    ['parts', healthLines(facts.health as HealthFacts[])],
    ['state', findings.map(({ finding }) => safeText(finding)).join('\n')],
  ]
  return rows
    .map(([name, text]) => `${name.padEnd(11)}${text.replaceAll('\n', `\n${' '.repeat(11)}`)}`)
    .join('\n')
}

interface LeavingFacts {
  state: string
  since: string
  lost: number
  weaker: number
}

function leavingRows(facts: LeavingFacts | null): [string, string][] {
  if (facts === null) return []
  const { state, since, lost, weaker } = facts
  const missed = lost + weaker === 0 ? '' : `: ${lost} would be lost, ${weaker} have fewer copies`
  const advice = state === 'left' ? '' : '; `kizuna leave --cancel` calls it off'
  return [['leaving', `${state}, asked for ${since}${missed}${advice}`]]
}

interface HealthFacts {
  name: string
  state: string
  error: string | null
}

/** The parts that are well on one line, each other one on its own with what was wrong. */
function healthLines(parts: readonly HealthFacts[]): string {
  const well = parts.filter(({ state }) => state === 'ok').map(({ name }) => name)
  const ill = parts.filter(({ state }) => state !== 'ok')
  return [
    ...(well.length === 0 ? [] : [`ok: ${well.join(', ')}`]),
    ...ill.map(({ name, state, error }) => `${name} ${state}: ${safeText(error ?? 'no reason given')}`),
  ].join('\n')
}

interface ScrubFacts {
  percent: number
  foundDamaged: number
  healed: number
  unreadable: number
  lastFinishedAt: string | null
}

function diskCheckLine({ percent, foundDamaged, healed, unreadable, lastFinishedAt }: ScrubFacts): string {
  const finished = lastFinishedAt === null ? 'not finished yet' : `last finished ${lastFinishedAt}`
  const damage = foundDamaged === 0 ? 'no damage' : `${foundDamaged} damaged chunks found, ${healed} healed`
  const refused = unreadable === 0 ? '' : `, ${unreadable} cannot be read now`
  return `${percent} % of this round, ${finished}: ${damage}${refused}`
}

interface DurabilityFacts {
  objects: number
  belowTarget: number
  unreadable: number
  worst: { id: string; confirmed: number; target: number; margin: number } | null
}

function durabilityLine({ objects, belowTarget, unreadable, worst }: DurabilityFacts, kept: number): string {
  if (worst === null) return kept === 0 ? 'nothing is kept' : `${kept} kept, their copies are not counted yet`
  const line = `${objects} kept, ${belowTarget} below target, ${unreadable} unreadable`
  return `${line}\nweakest: ${worst.confirmed} of ${worst.target} confirmed, ${Math.max(worst.margin, 0)} may be lost: ${worst.id}`
}

function renderSettings(facts: { settings: Setting[]; inForce: boolean }): string {
  const text = (value: unknown) => (Array.isArray(value) ? value.join(', ') : String(value))
  if (facts.settings.length > 1) {
    return formatTable(
      ['SETTING', 'VALUE', 'MEANING'],
      facts.settings.map((setting) => [setting.key, text(setting.value) || '–', setting.description]),
    )
  }
  const lines = facts.settings.map(
    ({ key, value, stored, description, variable, flag }) =>
      `${key} = ${text(value) || '–'}${stored === undefined ? '' : ` (stored: ${text(stored)})`}\n  ${description}\n  Also ${flag} and ${variable}.`,
  )
  if (!facts.inForce) lines.push('Stored. It takes effect at the next start of the node.')
  return lines.join('\n')
}
