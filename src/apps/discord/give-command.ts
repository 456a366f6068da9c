import type { Command, CommandProgress } from '../../commands/command.ts'
import { actionOf, mayAsk } from '../../commands/gates/permit.ts'
import type { Clock } from '../../core/clock.ts'
import { toKizunaError } from '../../core/kizuna-error.ts'
import type { Answer } from './answers/answer.ts'
import type { View } from './answers/view.ts'
import { type Ask, callerOf, personOf } from './ask.ts'
import { type BotParts, doesGuildCount, standingOf } from './bot-parts.ts'
import { errorView } from './views/error-view.ts'
import { progressView } from './views/progress-view.ts'
import type { ViewContext } from './views/view-context.ts'
import { viewOfResult } from './views/view-of-result.ts'
import { type Say, sayIn } from './words/say.ts'

/** What is refused, or answered from memory, is answered at once; whatever else takes longer says so first. */
const HEAVY_WAIT_MS = 20
const LIGHT_WAIT_MS = 700
/** A command that takes longer waits for others, and no longer for this machine. */
const TURN_MS_MAX = 1_000
/** Discord takes five edits in five seconds; nobody reads faster than this. */
const PROGRESS_INTERVAL_MS = 1_500

/** One command that somebody gave, whatever way. */
export interface GivenCommand {
  ask: Ask
  command: Command
  input: Readonly<Record<string, unknown>>
  /** Opens the bytes that came with it; may refuse. */
  body?: (signal: AbortSignal) => AsyncIterable<Uint8Array>
  /** Its face, where that is not the usual one. */
  present?: Present
  /** For the asker alone, also where the command does not ask for it. */
  confidential?: boolean
}

/** Makes the view of a result; may fetch what belongs to it. */
export type Present = (result: unknown, context: ViewContext, extra: PresentExtra) => View | Promise<View>

/** What a view that takes long may use. */
export interface PresentExtra {
  signal: AbortSignal
  progress: (update: CommandProgress) => void
}

/** Runs a command for somebody and answers, always: with the result, or with the reason why there is none. */
export async function giveCommand(parts: BotParts, given: GivenCommand, answer: Answer): Promise<void> {
  const { ask, command, input } = given
  const { clock } = parts.services
  const say = sayIn(ask.locale)
  const context = viewContextOf(parts, ask, say)
  const edits = new ProgressEdits(clock, (update) => answer.progress(progressView(say, update)))
  const isConfidential = given.confidential ?? isForAskerAlone(command, input)
  let giveTurn = () => {}
  try {
    // Thousands at once: each is acknowledged before the work begins that would make all of them late.
    if (parts.line.isLong) await answer.defer(isConfidential).catch(() => {})
    giveTurn = await takeTurn(parts)
    const running = runIt(parts, given, context, (update) => edits.update(update))
    const waitMs = command.cost === 'heavy' ? HEAVY_WAIT_MS : LIGHT_WAIT_MS
    if (!(await endsWithin(clock, running, waitMs))) {
      // A refused acknowledgement ends neither the command nor the attempt to answer.
      await answer.defer(isConfidential).catch(() => {})
    }
    const view = await running
    edits.end()
    await answer.finish(
      given.confidential === true || isForAskerAlone(command, input) ? { ...view, confidential: true } : view,
    )
  } catch (error) {
    edits.end()
    const known = toKizunaError(error)
    if (known !== error) parts.log.error('answer broke', { command: command.name, cause: error })
    await answer.fail(errorView(context, known, command.name))
  } finally {
    giveTurn()
  }
}

/** Waits for its turn to begin. It ends with the command, or before, so that what takes long is in nobody's way. */
async function takeTurn({ line, services }: BotParts): Promise<() => void> {
  await line.take()
  let isHeld = true
  const give = () => {
    if (isHeld) line.give()
    isHeld = false
    timer.stop()
  }
  const timer = services.clock.after(TURN_MS_MAX, give)
  return give
}

/** What views need to know about asker and bot. */
export function viewContextOf(parts: BotParts, ask: Pick<Ask, 'user'>, say: Say): ViewContext {
  return {
    say,
    controls: parts.controls,
    user: ask.user,
    mention: (name) => {
      const id = parts.commandIds.get(name)
      return id === undefined ? `\`/${name}\`` : `</${name}:${id}>`
    },
  }
}

/** Whether an answer is for nobody else. */
export function isForAskerAlone(command: Command, input: unknown): boolean {
  return actionOf(command, input)?.confidential ?? command.confidential ?? false
}

async function runIt(
  parts: BotParts,
  given: GivenCommand,
  context: ViewContext,
  progress: (update: CommandProgress) => void,
): Promise<View> {
  const { ask, command, input } = given
  const caller = { ...callerOf(ask, standingOf(parts, ask)), ...channelsFor(parts, given) }
  noteMembership(parts, ask, mayAsk(caller, 'member'))
  const signal = parts.stopping
  const body = given.body?.(signal)
  const request = { signal, progress, ...(body === undefined ? {} : { body }) }
  const result = await parts.runner.run(command, input, caller, request)
  if (given.present !== undefined) return given.present(result, context, { signal, progress })
  return viewOfResult(context, command.name, result, input)
}

/** What is found in an archive is what the asker may read where it was said. Nothing else asks for it. */
function channelsFor(parts: BotParts, { ask, command }: GivenCommand): { channels?: readonly string[] } {
  if (command.name !== 'archive' || ask.guild === undefined) return {}
  const channels = parts.channelsSeenBy(ask.guild, { user: ask.user, roles: ask.roles })
  return channels === undefined ? {} : { channels }
}

/** So that the same person is a member in a direct message. Only servers that count make members. */
function noteMembership(parts: BotParts, ask: Ask, isMember: boolean): void {
  if (ask.guild === undefined || !doesGuildCount(parts, ask.guild)) return
  parts.members.note(personOf(ask.user), ask.guild, isMember)
}

async function endsWithin(clock: Clock, running: Promise<unknown>, waitMs: number): Promise<boolean> {
  const { promise: tooLong, resolve } = Promise.withResolvers<boolean>()
  const timer = clock.after(waitMs, () => resolve(false))
  const ended = running.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, tooLong])
  } finally {
    timer.stop()
  }
}

/** Shows the newest progress, no more often than anybody can read it. */
class ProgressEdits {
  readonly #clock: Clock
  readonly #show: (update: CommandProgress) => Promise<void>
  #shownAt: number
  #isShowing = false
  #hasEnded = false

  constructor(clock: Clock, show: (update: CommandProgress) => Promise<void>) {
    this.#clock = clock
    this.#show = show
    this.#shownAt = clock.monotonic()
  }

  update(update: CommandProgress): void {
    const now = this.#clock.monotonic()
    if (this.#hasEnded || this.#isShowing || now - this.#shownAt < PROGRESS_INTERVAL_MS) return
    this.#shownAt = now
    this.#isShowing = true
    void this.#show(update).finally(() => {
      this.#isShowing = false
    })
  }

  end(): void {
    this.#hasEnded = true
  }
}
