import { createHash } from 'node:crypto'
import type { APIMessage } from 'discord.js'
import { sharedFiles } from '../../../commands/shared-files.ts'
import { toKizunaError } from '../../../core/kizuna-error.ts'
import { code, safeText } from '../answers/safe-text.ts'
import type { View } from '../answers/view.ts'
import type { BotParts } from '../bot-parts.ts'
import { commandNamed } from '../command-surface.ts'
import { giveCommand, viewContextOf } from '../give-command.ts'
import { contentButtons } from '../views/content-views.ts'
import { errorView } from '../views/error-view.ts'
import { sayIn } from '../words/say.ts'
import type { Asked } from './answer-interaction.ts'

const FILES_MAX = 10

/**
 * “Verify this file”: whether what is attached is, byte for byte, something the space shares. Runs as the command
 * `list`, whose permission and rate it has.
 */
export async function verifyFile(parts: BotParts, asked: Asked, message: APIMessage): Promise<void> {
  const { ask } = asked
  const say = sayIn(ask.locale)
  const files = message.attachments.slice(0, FILES_MAX)
  const answer = asked.answer()
  if (files.length === 0)
    return answer.fail({ kind: 'note', tone: 'warning', text: say('verify.noFile'), confidential: true })
  await answer.defer(true)
  const command = commandNamed(parts.commands, 'list')
  await giveCommand(
    parts,
    {
      ask,
      command,
      input: { limit: 1 },
      confidential: true,
      present: async (_result, context, { signal }) => {
        const known = new Map(sharedFiles(parts.services).map((file) => [file.sha256, file]))
        const lines: string[] = []
        const ids: string[] = []
        for (const file of files) {
          const name = safeText(file.filename, 80)
          try {
            const attachment = { url: file.url, name: file.filename, sizeBytes: file.size }
            const sha256 = await hashOf(parts.attachments(attachment, signal))
            const found = known.get(sha256)
            if (found !== undefined) ids.push(found.id)
            lines.push(
              found === undefined
                ? `▫️ ${say('verify.unknown', { file: name })}`
                : `✅ ${say('verify.known', { file: name, name: `**${safeText(found.name, 80)}**` })}\n${code(found.id)}`,
              `-# ${say('verify.fingerprint')} ${code(sha256)}`,
            )
          } catch (error) {
            const view = errorView(viewContextOf(parts, ask, say), toKizunaError(error))
            lines.push(`❌ ${name}: ${view.text ?? ''}`)
          }
        }
        const [only] = ids
        const view: View = {
          kind: 'card',
          tone: ids.length === files.length ? 'good' : 'warning',
          title: say('verify.title'),
          lines,
          controls: only === undefined ? [] : [contentButtons(context, only)],
        }
        return view
      },
    },
    answer,
  )
}

async function hashOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}
