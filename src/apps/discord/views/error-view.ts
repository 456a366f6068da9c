import type { Permission } from '../../../commands/command.ts'
import type { ErrorKind, KizunaError } from '../../../core/kizuna-error.ts'
import { code, safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import { isWordKey, type Say } from '../words/say.ts'

const PERMISSIONS: readonly Permission[] = ['anyone', 'member', 'steward', 'owner']

/** What the asker can do something about; the sentences for the others say what to do. */
const IN_OUR_HANDS: readonly ErrorKind[] = ['invalid', 'denied', 'missing', 'conflict']

/** An error as a short sentence with a hint, in the person's language; never what is inside. */
export function errorView(
  { say, mention }: { say: Say; mention: (command: string) => string },
  error: KizunaError,
  command?: string,
): View {
  const key = `code.${error.code}`
  const who = PERMISSIONS.find((permission) => permission === error.details.needed) ?? 'member'
  const sentence = isWordKey(key) ? say(key, { who: say(`who.${who}`) }) : say(`error.${error.kind}`)
  const parts = [
    `**${sentence}**`,
    // Which part of the input is wrong is said in English only; it names the options.
    error.kind === 'invalid' && !isWordKey(key) ? safeText(error.message, 600) : '',
    hintOf({ say, mention }, error, command),
    error.correlationId === undefined ? '' : `-# ${say('reference', { id: code(error.correlationId, 32) })}`,
  ]
  return {
    kind: 'note',
    tone: 'bad',
    text: parts.filter((part) => part !== '').join('\n'),
    confidential: true,
  }
}

function hintOf(
  { say, mention }: { say: Say; mention: (command: string) => string },
  error: KizunaError,
  command: string | undefined,
): string {
  const { retryAfterMs } = error.details
  if (typeof retryAfterMs === 'number' && Number.isFinite(retryAfterMs))
    return say('hint.again', { seconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) })
  const key = `hint.${error.code}`
  if (isWordKey(key)) return say(key, { doctor: mention('doctor'), help: mention('help') })
  if (!IN_OUR_HANDS.includes(error.kind)) return ''
  return say('hint.help', {
    command: command === undefined ? mention('help') : `${mention('help')} \`${command}\``,
  })
}
