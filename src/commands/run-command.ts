import { AbortedError, DeadlineError } from '../core/errors.ts'
import { toKizunaError } from '../core/kizuna-error.ts'
import type { CommandOutcome } from '../node/history/command-history.ts'
import type { Services } from '../node/services.ts'
import type { Caller, Command, CommandContext, CommandRequest } from './command.ts'
import { RateGate } from './gates/limit-rate.ts'
import { permit } from './gates/permit.ts'
import { recordCommand } from './gates/record.ts'
import { validate } from './gates/validate.ts'

const CORRELATION_BYTES = 6

/** The way every command takes, whatever app it comes from: limit, permit, validate, run, record. Each gate can refuse. */
export class CommandRunner {
  readonly #services: Services
  readonly #rates: RateGate

  constructor(services: Services) {
    this.#services = services
    this.#rates = new RateGate(services.clock)
  }

  /**
   * Runs a command to its end.
   * @throws RateLimitedError, PermissionDeniedError, InvalidInputError naming every fault, DeadlineError, or what
   *   the command itself says went wrong; each with its `correlationId`.
   */
  async run(command: Command, input: unknown, caller: Caller, request: CommandRequest): Promise<unknown> {
    const { clock, random, log } = this.#services
    const correlationId = Buffer.from(random.bytes(CORRELATION_BYTES)).toString('hex')
    const startedAt = clock.monotonic()
    let outcome: CommandOutcome = 'ok'
    try {
      this.#rates.pass(command, caller)
      permit(command, input, caller)
      const checked = validate(command, input)
      return await this.#runInTime(command, checked, { ...request, caller, correlationId })
    } catch (error) {
      const known = toKizunaError(error)
      outcome = known.code
      known.correlationId = correlationId
      if (known.kind === 'internal')
        log.error('command broke', { command: command.name, correlationId, error })
      throw known
    } finally {
      const durationMs = Math.round(clock.monotonic() - startedAt)
      recordCommand(this.#services, { command, input, caller, outcome, durationMs, correlationId })
    }
  }

  async #runInTime(
    command: Command,
    input: Record<string, unknown>,
    context: CommandContext,
  ): Promise<unknown> {
    if (command.timeoutMs === undefined) return command.run(this.#services, input, context)
    const timeoutMs = command.timeoutMs
    const signal = this.#services.clock.deadline(timeoutMs, context.signal)
    const ended = new Promise<never>((_, reject) => {
      const end = () =>
        reject(
          context.signal.aborted
            ? new AbortedError({ what: `The command ${command.name}`, cause: context.signal.reason })
            : new DeadlineError({ what: `The command ${command.name}`, timeoutMs }),
        )
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    })
    ended.catch(() => {})
    return await Promise.race([command.run(this.#services, input, { ...context, signal }), ended])
  }
}
