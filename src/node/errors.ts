import type { ContentId } from '../core/content-id.ts'
import { KizunaError } from '../core/kizuna-error.ts'

/** Objects named in an error. */
const NAMED_MAX = 100

/** One thing that is wrong with the configuration. */
export interface ConfigFault {
  key: string
  /** Where it was set, such as `KIZUNA_PORT`, `--port` or `config.json`. */
  source: string
  reason: string
}

/** Thrown when the configuration cannot be used; names every fault at once. */
export class ConfigError extends KizunaError {
  override name = 'ConfigError'
  constructor(facts: { faults: readonly ConfigFault[] }) {
    const list = facts.faults.map((fault) => `${fault.key} (${fault.source}) ${fault.reason}`).join('; ')
    super({
      code: 'CONFIG_INVALID',
      kind: 'invalid',
      message: `The configuration has ${facts.faults.length} ${facts.faults.length === 1 ? 'fault' : 'faults'}: ${list}.`,
      hint: 'Correct each of them; `kizuna config` lists every setting with its meaning.',
      details: { faults: facts.faults },
    })
  }
}

/** Thrown when another node uses the data folder. */
export class NodeRunningError extends KizunaError {
  override name = 'NodeRunningError'
  constructor(facts: { home: string; pid: number }) {
    super({
      code: 'NODE_RUNNING',
      kind: 'conflict',
      message: `A node (process ${facts.pid}) already runs on the data folder ${facts.home}.`,
      hint: 'Use that node: every command speaks to it. For a second one, set another KIZUNA_HOME.',
      details: facts,
    })
  }
}

/** Thrown when the identity file is there but is not a key. */
export class IdentityUnreadableError extends KizunaError {
  override name = 'IdentityUnreadableError'
  constructor(facts: { path: string; reason: string; cause?: unknown }) {
    super({
      code: 'IDENTITY_UNREADABLE',
      kind: 'corrupt',
      message: `The identity in ${facts.path} cannot be used: ${facts.reason}.`,
      hint: 'Restore the file from a backup. Only when there is none, move it away; the node then gets a new identity.',
      details: { path: facts.path },
      cause: facts.cause,
    })
  }
}

/** Thrown when the data folder cannot be made or written. */
export class HomeUnusableError extends KizunaError {
  override name = 'HomeUnusableError'
  constructor(facts: { home: string; systemCode: string; cause?: unknown }) {
    super({
      code: 'HOME_UNUSABLE',
      kind: 'invalid',
      message: `The data folder ${facts.home} cannot be used (${facts.systemCode}).`,
      hint: 'Check that it is a folder you may write, or set KIZUNA_HOME to another one.',
      details: { home: facts.home, systemCode: facts.systemCode },
      cause: facts.cause,
    })
  }
}

/** Thrown when a name is not that of a setting. */
export class UnknownSettingError extends KizunaError {
  override name = 'UnknownSettingError'
  constructor(facts: { key: string }) {
    super({
      code: 'UNKNOWN_SETTING',
      kind: 'invalid',
      message: `“${facts.key.slice(0, 64)}” is not a setting.`,
      hint: '`kizuna config` lists every setting.',
    })
  }
}

/** Thrown when leaving now would lose something. */
export class LeaveWouldLoseError extends KizunaError {
  override name = 'LeaveWouldLoseError'
  constructor(facts: { lost: readonly ContentId[]; weaker: number; inTime: boolean }) {
    const { lost, weaker, inTime } = facts
    super({
      code: 'LEAVE_WOULD_LOSE',
      kind: 'unavailable',
      message: inTime
        ? `Nobody else has room for all that this node keeps: ${lost.length} contents would be lost with it.`
        : `Not everything was handed over in time: ${lost.length} contents would be lost, ${weaker} would have fewer copies.`,
      hint: 'The same command goes on where it ended. When nobody has room, invite somebody who has; --dry-run lists what is left, --force leaves all the same and loses it.',
      details: { lost: lost.slice(0, NAMED_MAX), weaker },
    })
  }
}
