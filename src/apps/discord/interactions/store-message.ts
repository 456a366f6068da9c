import type { APIMessage } from 'discord.js'
import { toKizunaError } from '../../../core/kizuna-error.ts'
import type { Answer } from '../answers/answer.ts'
import { code, safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import type { BotParts } from '../bot-parts.ts'
import { commandNamed } from '../command-surface.ts'
import { type GivenCommand, giveCommand, viewContextOf } from '../give-command.ts'
import { type SharedResult, shareView } from '../views/content-views.ts'
import { errorView } from '../views/error-view.ts'
import { formatBytes } from '../words/format.ts'
import { sayIn } from '../words/say.ts'
import type { Asked } from './answer-interaction.ts'

/** A message has up to ten files. */
const FILES_MAX = 10

/** “Store this message”: its files and its text are shared, each a thing of its own. */
export async function storeMessage(parts: BotParts, asked: Asked, message: APIMessage): Promise<void> {
  const { ask } = asked
  const wishes = wishesOf(parts, asked, message)
  const say = sayIn(ask.locale)
  const answer = asked.answer()
  if (wishes.length === 0)
    return answer.fail({ kind: 'note', tone: 'warning', text: say('store.empty'), confidential: true })
  const [only] = wishes
  if (wishes.length === 1 && only !== undefined) return giveCommand(parts, only, answer)
  await answer.defer(false)
  const context = viewContextOf(parts, ask, say)
  const lines: string[] = []
  let stored = 0
  for (const wish of wishes) {
    const ended = new OneOfMany()
    await giveCommand(parts, { ...wish, present: (result) => storedLine(result as SharedResult) }, ended)
    if (ended.isStored) stored++
    lines.push(ended.line || errorView(context, toKizunaError(undefined)).text || '')
  }
  const title = say('store.title', { count: stored })
  const tone = stored === wishes.length ? 'good' : 'warning'
  await answer.finish({ kind: 'card', tone, title, lines })
}

function wishesOf(parts: BotParts, { ask }: Asked, message: APIMessage): GivenCommand[] {
  const command = commandNamed(parts.commands, 'share')
  const files = message.attachments.slice(0, FILES_MAX).map((file): GivenCommand => {
    const attachment = { url: file.url, name: file.filename, sizeBytes: file.size }
    return {
      ask,
      command,
      input: { name: file.filename },
      body: (signal) => parts.attachments(attachment, signal),
      present: (result, context) => shareView(context, result as SharedResult),
    }
  })
  if (message.content.trim() === '') return files
  return [...files, { ask, command, input: { text: message.content, name: `message-${message.id}.txt` } }]
}

function storedLine(result: SharedResult): View {
  const text = `✅ **${safeText(result.name, 80)}** · ${formatBytes(result.sizeBytes)}\n${code(result.id)}`
  return { kind: 'note', tone: 'good', text }
}

/** One part of an answer that has several; the whole is said by somebody else. */
class OneOfMany implements Answer {
  line = ''
  isStored = false

  async defer(): Promise<void> {}
  async progress(): Promise<void> {}

  async finish(view: View): Promise<void> {
    this.line = view.text ?? ''
    this.isStored = true
  }

  async fail(view: View): Promise<void> {
    this.line = `❌ ${view.text ?? ''}`
  }
}
