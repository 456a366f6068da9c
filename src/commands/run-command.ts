import type { z } from 'zod'
import { AbortedError, DeadlineError, InvalidInputError } from '../core/errors.ts'
import { KizunaError, toKizunaError } from '../core/kizuna-error.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { RateLimitedError } from '../network/errors.ts'
import type { Services } from '../node/services.ts'
import type { Command, CommandContext, Permission } from './command.ts'

/** Who asks, as the app established it. */
export interface Caller {
  /** Stable and no secret, such as `cli`, `api` or a member's id. */
  id: string
  permission: Permission
}

/** Commands a caller may give per second, and at once; a heavy one counts ten times. */
const COST_PER_SECOND = 50
const COST_AT_ONCE = 200
const COST = { light: 1, heavy: 10 } as const
/** Callers whose rate is remembered; the oldest is forgotten first. */
const CALLERS_MAX = 1_000
const RANK: Readonly<Record<Permission, number>> = { anyone: 0, member: 1, owner: 2 }

/** Thrown when a caller may not give a command. */
export class PermissionDeniedError extends KizunaError {
  override name = 'PermissionDeniedError'
  constructor(facts: { command: string; needed: Permission }) {
    super({
      code: 'PERMISSION_DENIED',
      kind: 'denied',
      message: `The command ${facts.command} is for ${facts.needed === 'owner' ? 'the owner of this node' : 'members'} only.`,
      hint: 'Ask the node’s owner, or use your own node.',
      details: facts,
    })
  }
}

/** The way every command takes, whatever app it comes from: validate, permit, limit, run, record. */
export class CommandRunner {
  readonly #services: Services
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(services: Services) {
    this.#services = services
  }

  /**
   * Runs a command to its end.
   * @throws InvalidInputError naming every fault, PermissionDeniedError, RateLimitedError, DeadlineError, or what
   *   the command itself says went wrong.
   */
  async run(command: Command, input: unknown, caller: Caller, context: CommandContext): Promise<unknown> {
    const { clock, random, log, metrics } = this.#services
    const correlationId = Buffer.from(random.bytes(6)).toString('hex')
    const startedAt = clock.monotonic()
    let outcome = 'ok'
    try {
      const checked = checkInput(command, input)
      if (RANK[caller.permission] < RANK[command.permission]) {
        throw new PermissionDeniedError({ command: command.name, needed: command.permission })
      }
      this.#limit(command, caller)
      return await this.#runInTime(command, checked, context)
    } catch (error) {
      const known = toKizunaError(error)
      outcome = known.code
      if (known.kind === 'internal')
        log.error('command broke', { command: command.name, correlationId, error })
      throw known
    } finally {
      const durationMs = Math.round(clock.monotonic() - startedAt)
      log.info('command', { command: command.name, caller: caller.id, durationMs, outcome, correlationId })
      metrics.count('kizuna_commands_total', { command: command.name, outcome })
    }
  }

  #limit(command: Command, caller: Caller): void {
    let bucket = this.#buckets.get(caller.id)
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#services.clock, { perSecond: COST_PER_SECOND, burst: COST_AT_ONCE })
      const oldest = this.#buckets.keys().next().value
      if (this.#buckets.size >= CALLERS_MAX && oldest !== undefined) this.#buckets.delete(oldest)
      this.#buckets.set(caller.id, bucket)
    }
    const retryAfterMs = bucket.tryTake(COST[command.cost])
    if (retryAfterMs > 0) throw new RateLimitedError({ what: 'commands', retryAfterMs })
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

function checkInput(command: Command, input: unknown): Record<string, unknown> {
  const parsed = command.input.safeParse(input)
  if (parsed.success) return parsed.data
  throw new InvalidInputError({
    what: `The input of ${command.name}`,
    reason: parsed.error.issues.map(sentenceOf).join('; '),
    hint: `\`kizuna help ${command.name}\` shows what it takes.`,
  })
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  const where = issue.path.join('.')
  return where === '' ? issue.message : `${where}: ${issue.message}`
}
