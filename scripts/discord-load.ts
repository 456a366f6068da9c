/**
 * `npm run test:load`: a real bot against the stand-in of Discord: 50 commands a second for ten minutes, then 2,000 at
 * once. None may stay unanswered, Discord's three seconds hold, and 99 of 100 first answers come within half a second.
 *
 *     npm run test:load -- --minutes 1 --per-second 50 --burst 2000
 *
 * `--away 100` lets Discord take so many milliseconds for each first answer, as one far away does. Bot and stand-in are
 * processes of their own and need a core each: on a busy machine the processor time tells more than the clock.
 */
import { loadavg } from 'node:os'
import { BotGroup } from '../test/fixtures/discord-bots.ts'
import { burst, Crowd, type LoadResult, steady } from '../test/fixtures/discord-load.ts'
import { readWords } from './program-words.ts'

const P99_MS_MAX = 500
/** So many servers that 2,000 questions at once are within what each may ask. */
const GUILDS = 8
const WARM_UP = { perSecond: 20, seconds: 3 }

const { values } = readWords(import.meta.filename, {
  options: {
    minutes: { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '50' },
    burst: { type: 'string', default: '2000' },
    away: { type: 'string', default: '0' },
  },
})

await using group = await BotGroup.open({ judge: false })
const crowd = new Crowd(group, GUILDS)
const bot = await group.start('alder', { guilds: crowd.guilds })
const { id } = (await bot.node.call('share', { text: 'An oak.', name: 'oak.txt' })) as { id: string }
await steady(crowd, bot, { ...WARM_UP, id })
const away = Number(values.away)
if (away > 0) group.discord.fail({ path: /\/callback$/, delayMs: away, times: Number.POSITIVE_INFINITY })

const perSecond = Number(values['per-second'])
const even = await steady(crowd, bot, { perSecond, seconds: Number(values.minutes) * 60, id })
const isEven = print(`${perSecond} a second for ${values.minutes} min`, even, P99_MS_MAX)
const count = Number(values.burst)
const isBurst = print(`${count} at once`, await burst(crowd, bot, count, id), P99_MS_MAX)
group.assertNoTokenInLogs()
if (!isEven || !isBurst) process.exitCode = 1

function print(what: string, result: LoadResult, p99Max: number): boolean {
  const isGood = result.unanswered === 0 && result.refused === 0 && result.p99 < p99Max
  const { sent, unanswered, refused, p50, p99, max, tookMs, cpuMs, cpuMsToFirstAnswers } = result
  const [before, after] = [result.rssBytes.before, result.rssBytes.after].map((bytes) =>
    Math.round(bytes / 1e6),
  )
  console.log(
    `${isGood ? 'good' : 'BAD '}  ${what}: ${sent} sent, ${unanswered} unanswered, ${refused} refused; first answer after ${p50} ms (half), ${p99} ms (99 of 100), ${max} ms (last); ${Math.round(tookMs / 1000)} s; processor time of the bot ${cpuMs} ms, until the last first answer ${cpuMsToFirstAnswers} ms (of the stand-in ${result.standInCpuMsToFirstAnswers} ms); memory of the bot ${before} MB before, ${after} MB after; load of the machine ${loadavg()[0]?.toFixed(1)}`,
  )
  return isGood
}
