import type { Caller, Command } from '../../commands/command.ts'
import { TOKEN_SCOPES, type TokenScope } from '../../node/api-tokens.ts'

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

/** The least that a command's route needs; what more its input needs, the command's own gates say. */
export function scopeOfCommand(command: Command): TokenScope {
  const scopes = Object.values(command.actions ?? { only: {} }).map((action) => {
    const permission = action.permission ?? command.permission
    if (permission === 'owner' || permission === 'steward') return 'admin'
    return (action.changes ?? command.changes) === true ? 'write' : 'read'
  })
  return TOKEN_SCOPES.find((scope) => scopes.includes(scope)) ?? 'admin'
}

/** The caller of a command: a token that does not own the node asks as a member does. */
export function callerOf({ id, scope }: Access): Caller {
  return {
    id,
    permission: scope === 'admin' ? 'owner' : 'member',
    ...(scope === 'read' ? { readOnly: true } : {}),
  }
}
