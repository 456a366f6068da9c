import { Routes } from 'discord.js'
import { renderMessage } from '../answers/render-message.ts'
import type { BotParts } from '../bot-parts.ts'
import type { JoinedGuild } from '../gateway/listen.ts'
import { viewContextOf } from '../give-command.ts'
import { sayIn } from '../words/say.ts'

/** Says once, in a server that is new to us, what comes next. */
export async function welcome(parts: BotParts, guild: JoinedGuild): Promise<void> {
  const { guilds, rest, services, look, log } = parts
  if (guild.channel === undefined || !guilds.firstMeeting(guild.id, services.clock.now())) return
  const say = sayIn(guilds.of(guild.id).language ?? guild.locale)
  const { mention } = viewContextOf(parts, { user: '0' }, say)
  const text = say('welcome.text', {
    setup: mention('setup'),
    share: mention('share'),
    get: mention('get'),
    help: mention('help'),
    doctor: mention('doctor'),
  })
  const [body] = renderMessage({ kind: 'card', tone: 'good', title: say('welcome.title'), text }, look)
  try {
    await rest.post(Routes.channelMessages(guild.channel), { body })
  } catch (error) {
    log.info('no welcome', { guild: guild.id, reason: (error as Error).message })
  }
}
