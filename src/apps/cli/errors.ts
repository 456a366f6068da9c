import { KizunaError, type SerialisedError } from '../../core/kizuna-error.ts'

/** Thrown when the command line cannot be understood. */
export class UsageError extends KizunaError {
  override name = 'UsageError'
  constructor(facts: { message: string; hint: string }) {
    super({ code: 'USAGE', kind: 'invalid', message: facts.message, hint: facts.hint })
  }
}

/** Thrown when `get` would replace something. */
export class OutputExistsError extends KizunaError {
  override name = 'OutputExistsError'
  constructor(facts: { path: string }) {
    super({
      code: 'OUTPUT_EXISTS',
      kind: 'conflict',
      message: `${facts.path} is there already.`,
      hint: 'Choose another --output, or replace it with --force.',
      details: facts,
    })
  }
}

/** Thrown when the output cannot be written. */
export class OutputUnwritableError extends KizunaError {
  override name = 'OutputUnwritableError'
  constructor(facts: { path: string; systemCode: string; cause?: unknown }) {
    const full = facts.systemCode === 'ENOSPC' || facts.systemCode === 'EDQUOT'
    super({
      code: 'OUTPUT_UNWRITABLE',
      kind: full ? 'busy' : 'invalid',
      message: full
        ? `The disk is full; ${facts.path} is not complete.`
        : `${facts.path} cannot be written (${facts.systemCode}).`,
      hint: full
        ? 'Free some space and give the same command again: it goes on where it stopped.'
        : 'Check the path and its rights, or choose another --output.',
      details: { path: facts.path, systemCode: facts.systemCode },
      cause: facts.cause,
    })
  }
}

/** Thrown when the running node stopped answering. */
export class NodeLostError extends KizunaError {
  override name = 'NodeLostError'
  constructor(facts: { url: string; cause?: unknown }) {
    super({
      code: 'NODE_LOST',
      kind: 'unavailable',
      message: `The node at ${facts.url} does not answer any more.`,
      hint: 'Start it again with `kizuna start`, then repeat the command: what was done is kept.',
      details: { url: facts.url },
      cause: facts.cause,
    })
  }
}

/** An error that came from another process, as it was there. */
export class RemoteError extends KizunaError {
  override name = 'RemoteError'
  constructor(serialised: SerialisedError) {
    super({ ...serialised })
  }
}

/** Thrown when more bytes come than the content has; never written to the output. */
export class LongerThanSaidError extends KizunaError {
  override name = 'LongerThanSaidError'
  constructor(facts: { id: string }) {
    super({
      code: 'LONGER_THAN_SAID',
      kind: 'corrupt',
      message: `More bytes came for ${facts.id} than it has.`,
      hint: 'Restart the node and try again; report it when it repeats.',
      details: facts,
    })
  }
}

/** Thrown when another process writes the same output. */
export class OutputBusyError extends KizunaError {
  override name = 'OutputBusyError'
  constructor(facts: { path: string; pid: number }) {
    super({
      code: 'OUTPUT_BUSY',
      kind: 'conflict',
      message: `Another \`get\` (process ${facts.pid}) writes ${facts.path} just now.`,
      hint: 'Let it finish, or choose another --output.',
      details: facts,
    })
  }
}
