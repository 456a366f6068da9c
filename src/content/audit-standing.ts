/** What an audit showed. */
export type AuditOutcome =
  /** The right answer, in time. */
  | 'proved'
  /** The right answer, too late to tell a disk from somebody else's. */
  | 'late'
  /** It says itself that it has no such chunk, or none that is whole. */
  | 'missing'
  /** A wrong answer. */
  | 'wrong'
  /** No answer although connected, or a refusal. */
  | 'silent'
  /** Not connected, or the connection broke: says nothing about its disk. */
  | 'unreachable'

/** How far a peer's claims can be relied on, from our own audits alone. */
export interface AuditStanding {
  /** 0 to 1: the share of audits passed, the newest counting most. 1 for a peer that was never audited. */
  score: number
  /** Whether its copies count for nothing now. Ends by passing audits. */
  isSuspended: boolean
  /** When it last proved anything, and when it was last asked, `clock.now()`. */
  lastProvedAt: number | undefined
  lastAskedAt: number | undefined
  /** Answers of each kind since we know it. */
  counts: Readonly<Record<AuditOutcome, number>>
}

/** The weights behind a score: how much was passed and failed, older audits counting less and less. */
export interface AuditWeights {
  passed: number
  failed: number
  isSuspended: boolean
}

/** Each audit counts this much less with every one after it: about the last twenty decide. */
const MEMORY = 0.95
/** Good faith that every peer begins with: two failures at once use it up. */
const PASSED_AT_FIRST = 3
/** Below this a peer is suspended, … */
const SUSPENDED_BELOW = 0.6
/** … and from this on it counts again: some thirty audits passed after a total loss. */
const RESTORED_FROM = 0.8

/**
 * How much an outcome counts. A lack admitted is half as bad as a wrong answer; lateness and silence happen to honest
 * peers on bad days, and only who is always late or silent is suspended for it. Being away counts for nothing.
 */
const WEIGHT_OF: Readonly<Record<AuditOutcome, number>> = {
  proved: 1,
  late: 0.1,
  missing: 0.5,
  wrong: 1,
  silent: 0.25,
  unreachable: 0,
}

export const AUDIT_OUTCOMES = Object.keys(WEIGHT_OF) as AuditOutcome[]

export const WEIGHTS_AT_FIRST: AuditWeights = { passed: PASSED_AT_FIRST, failed: 0, isSuspended: false }

/** 0 to 1. */
export function scoreOf({ passed, failed }: AuditWeights): number {
  return passed / (passed + failed)
}

/** The weights after one more audit. Nobody is suspended for good, whatever the outcomes were. */
export function weighOutcome(before: AuditWeights, outcome: AuditOutcome): AuditWeights {
  const weight = WEIGHT_OF[outcome]
  const kept = MEMORY ** weight
  const passed = before.passed * kept + (outcome === 'proved' ? weight : 0)
  const failed = before.failed * kept + (outcome === 'proved' ? 0 : weight)
  const score = scoreOf({ ...before, passed, failed })
  return { passed, failed, isSuspended: score < (before.isSuspended ? RESTORED_FROM : SUSPENDED_BELOW) }
}
