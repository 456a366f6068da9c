import type { CommandProgress } from '../../../commands/command.ts'
import { safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import { formatBytes } from '../words/format.ts'
import { isWordKey, type Say } from '../words/say.ts'

const BAR_LENGTH = 20

/** How far something has come, as a sentence and a bar. */
export function progressView(say: Say, update: CommandProgress): View {
  const key = `phase.${update.phase}`
  const phase = isWordKey(key) ? say(key) : safeText(update.phase, 60)
  const amount = (count: number) => (update.unit === 'bytes' ? formatBytes(count) : String(count))
  const { done, total } = update
  const peers = update.peers === undefined ? '' : ` ${say('toPeers', { peers: update.peers })}`
  if (total === undefined || total <= 0)
    return card(`${say('progress', { phase, done: amount(done) })}${peers}`)
  const share = Math.min(1, done / total)
  const filled = Math.round(share * BAR_LENGTH)
  const facts = { phase, percent: Math.floor(share * 100), done: amount(done), total: amount(total) }
  return card(
    `${say('progressOf', facts)}${peers}\n\`${'█'.repeat(filled)}${'░'.repeat(BAR_LENGTH - filled)}\``,
  )
}

function card(text: string): View {
  return { kind: 'card', tone: 'plain', text }
}
