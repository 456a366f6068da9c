import type { Command } from '../../commands/command.ts'
import type { Caller } from '../../commands/run-command.ts'
import type { TokenScope } from '../../node/api-tokens.ts'

const RANK: Readonly<Record<TokenScope, number>> = { read: 0, write: 1, admin: 2 }

/** Who asks, as the guard established it. */
export interface Access {
  /** `api` for the node's own token, `api:<id>` for one that was made. No secret. */
  id: string
  scope: TokenScope
}

/** Whoever has the token of the running node owns it. */
export const OWNER_ACCESS: Access = { id: 'api', scope: 'admin' }

/** Whoever the guard let in; a route without a guard would be a defect of ours. */
export function accessOf(request: { access?: Access }): Access {
  if (request.access === undefined) throw new Error('a request came past the guard')
  return request.access
}

/** Whether a token with the scope `has` may do what `needed` stands for. */
export function scopeReaches(has: TokenScope, needed: TokenScope): boolean {
  return RANK[has] >= RANK[needed]
}

/** What a command's route needs, derived from who may give the command. */
export function scopeOfCommand(command: Command): TokenScope {
  if (command.permission === 'owner') return 'admin'
  return command.changes === true ? 'write' : 'read'
}

/** The caller of a command: a token that does not own the node asks as a member does. */
export function callerOf({ id, scope }: Access): Caller {
  return { id, permission: scope === 'admin' ? 'owner' : 'member' }
}

/**
 * The caller of `share` by routes that take its bytes from the request: there it can read nothing from this machine, and
 * a token that may write may do it.
 */
export function sharerOf({ id }: Access): Caller {
  return { id, permission: 'owner' }
}
