import { KizunaError } from '../../core/kizuna-error.ts'
import type { Caller, Command, CommandAction, Permission } from '../command.ts'

const RANK: Readonly<Record<Permission, number>> = { anyone: 0, member: 1, steward: 2, owner: 3 }
const WHO: Readonly<Record<Permission, string>> = {
  anyone: 'everyone',
  member: 'members only',
  steward: 'those who manage this community only',
  owner: 'the owner of this node only',
}

/** Thrown when a caller may not give a command. */
export class PermissionDeniedError extends KizunaError {
  override name = 'PermissionDeniedError'
  constructor(facts: { command: string; needed: Permission }) {
    super({
      code: 'PERMISSION_DENIED',
      kind: 'denied',
      message: `The command ${facts.command} is for ${WHO[facts.needed]}.`,
      hint: 'Ask the node’s owner, or use your own node.',
      details: facts,
    })
  }
}

/** Whether a caller has at least this permission. */
export function mayAsk(caller: Pick<Caller, 'permission'>, needed: Permission): boolean {
  return RANK[caller.permission] >= RANK[needed]
}

/** What an input chooses to do, where a command does several things. */
export function actionOf(command: Command, input: unknown): CommandAction | undefined {
  const action = fieldsOf(input).action
  if (typeof action !== 'string' || command.actions === undefined) return undefined
  return Object.hasOwn(command.actions, action) ? command.actions[action] : undefined
}

/** The permission that a command needs with this input; the input need not be valid yet. */
export function neededPermission(command: Command, input: unknown): Permission {
  const fields = fieldsOf(input)
  if (command.ownerFields?.some((field) => fields[field] !== undefined)) return 'owner'
  return actionOf(command, input)?.permission ?? command.permission
}

/** Whether the command, with this input, changes what the node or its space holds. */
export function changesSomething(command: Command, input: unknown): boolean {
  const changes = actionOf(command, input)?.changes ?? command.changes ?? command.permission === 'owner'
  return typeof changes === 'function' ? changes(fieldsOf(input)) : changes
}

/** The second gate. @throws PermissionDeniedError */
export function permit(command: Command, input: unknown, caller: Caller): void {
  const needed = neededPermission(command, input)
  const isForbidden = caller.readOnly === true && changesSomething(command, input)
  if (isForbidden || !mayAsk(caller, needed))
    throw new PermissionDeniedError({ command: command.name, needed })
}

function fieldsOf(input: unknown): Record<string, unknown> {
  return typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {}
}
