import type { PeerId } from '../core/signing-key.ts'
import type { Budget } from './copy-maker.ts'
import type { SelfView } from './counting-members.ts'

/** Free bytes we count for ourselves when nobody says: one class of `place-chunks.ts`. */
const FREE_BYTES_DEFAULT = 100 * 2 ** 30
const DAY_MS = 24 * 3_600_000
const GRACE_MS = 600_000

/** How this node takes part; every field has a default. */
export interface ContentOptions {
  /** Whether we answer others at all; light nodes do not. @default true */
  serves: boolean
  /** Whether others may place chunks here; read at each request. @default () => true */
  stores: () => boolean
  /** Whether we say on the DHT what we have. @default true */
  announces: boolean
  /** Announce every chunk, or only manifests. @default true */
  announcesChunks: boolean
  /** Peers that get a copy of everything published here. @default [] */
  friends: readonly PeerId[]
  /** Peers a transfer asks at once (B-46). @default 5 */
  peersMax: number
  /** How often held keys are compared with every member's. @default 30_000 */
  holdingsIntervalMs: number
  /** How long a member may be away before its copies are made again elsewhere. @default 600_000 */
  graceMs: number
  /** How long a loss must last before anything is done about it. @default 15_000, or a quarter of the grace */
  settleMs: number
  /** How much longer each next holder in rank waits for the ones before it. @default 60_000, or the grace */
  standbyMs: number
  /** How often all objects are looked at. @default 30_000, or the grace */
  repairIntervalMs: number
  /** How long there must be copies to spare, their holders all here, before one goes. @default a day */
  trimAfterMs: number
  /** Every chunk on this machine is read at least once in this time. @default 7 days */
  scrubCycleMs: number
  /** Share of one core that this reading may take. @default 0.05 */
  scrubCpuShare: number
  /** Audits of other members that this node makes in an hour; 0 makes none. @default 20 */
  auditsPerHour: number
  /** What we offer, as others see it in our status. @default plenty, alone in its failure domain */
  selfView: () => SelfView
  /** Waits for the share of the bandwidth that copies may take. @default none */
  budget?: Budget
}

/** Every option, given or not. A shorter grace makes the other waits of repair shorter too. */
export function contentOptions(given: Partial<ContentOptions>, self: PeerId): ContentOptions {
  const graceMs = given.graceMs ?? GRACE_MS
  return {
    serves: true,
    stores: () => true,
    announces: true,
    announcesChunks: true,
    friends: [],
    peersMax: 5,
    holdingsIntervalMs: 30_000,
    graceMs,
    settleMs: Math.min(15_000, graceMs / 4),
    standbyMs: Math.min(60_000, graceMs),
    repairIntervalMs: Math.min(30_000, Math.max(graceMs, 1_000)),
    trimAfterMs: DAY_MS,
    scrubCycleMs: 7 * DAY_MS,
    scrubCpuShare: 0.05,
    auditsPerHour: 20,
    selfView: () => ({ freeBytes: FREE_BYTES_DEFAULT, uptime: 1, failureDomain: self, stores: true }),
    ...given,
  }
}
