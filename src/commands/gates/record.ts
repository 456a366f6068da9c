import type { Services } from '../../node/services.ts'
import type { Caller, Command } from '../command.ts'
import { actionOf, changesSomething } from './permit.ts'

/** The last gate: what was asked goes into the log, the metrics, the history and, where it changed something, the audit log. */
export function recordCommand(
  { log, metrics, history, clock, audit }: Services,
  done: {
    command: Command
    /** As it was given; only the name of its action is kept. */
    input: unknown
    caller: Caller
    outcome: string
    durationMs: number
    correlationId: string
  },
): void {
  const { command, input, caller, outcome, durationMs, correlationId } = done
  const chosen = actionOf(command, input)
  const action = chosen === undefined ? undefined : String((input as { action: unknown }).action)
  const { id, group } = caller
  log.info('command', {
    command: command.name,
    ...(action === undefined ? {} : { action }),
    caller: id,
    ...(group === undefined ? {} : { group }),
    durationMs,
    outcome,
    correlationId,
  })
  metrics.count('kizuna_commands_total', { command: command.name, outcome })
  metrics.observeSeconds('kizuna_command_seconds', durationMs / 1000, { command: command.name })
  const at = clock.now()
  const facts = {
    correlationId,
    at,
    caller: id,
    ...(group === undefined ? {} : { group }),
    command: command.name,
    ...(action === undefined ? {} : { action }),
    outcome,
  }
  history.note({ ...facts, durationMs })
  if (outcome === 'ok' && changesSomething(command, input)) audit.note(facts)
}
