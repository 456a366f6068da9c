/**
 * The checks of `scripts/monitor.sh`: whether a node runs on a data folder, answers in time, and what of it is ill.
 * One line per check; ends with 1 when a check failed.
 */
import { SystemClock } from '../src/core/clock.ts'
import { isKizunaError } from '../src/core/kizuna-error.ts'
import { readApiFile } from '../src/node/api-file.ts'

const ANSWER_MS_MAX = 5_000
/** A disk that is nearly full is the most common end of a node. */
const FREE_SHARE_MIN = 0.05

interface Status {
  uptimeMs: number
  stored: { diskBytes: number }
  quota: { storageBytesMax: number }
  health: { name: string; state: string; error: string | null }[]
}

const clock = new SystemClock()
const [home = ''] = process.argv.slice(2)
let failed = false

try {
  await check(home)
} catch (error) {
  say(false, 'node', isKizunaError(error) ? error.message : `it does not answer within ${ANSWER_MS_MAX} ms`)
}
process.exitCode = failed ? 1 : 0

async function check(folder: string): Promise<void> {
  const access = await readApiFile(folder)
  if (access === undefined) return say(false, 'node', `no node runs on ${folder}`)
  const startedAt = clock.monotonic()
  const answer = await fetch(`${access.url}/v1/commands/status`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access.token}`, 'content-type': 'application/json' },
    body: '{}',
    signal: clock.deadline(ANSWER_MS_MAX),
  })
  const tookMs = Math.round(clock.monotonic() - startedAt)
  say(answer.ok, 'node', answer.ok ? `answers in ${tookMs} ms` : `answers with status ${answer.status}`)
  if (!answer.ok) return
  const status = (await answer.json()) as Status
  for (const { name, state, error } of status.health) say(state === 'ok', name, error ?? state)
  const { storageBytesMax } = status.quota
  if (storageBytesMax > 0) {
    const freeShare = 1 - status.stored.diskBytes / storageBytesMax
    say(freeShare >= FREE_SHARE_MIN, 'quota', `${Math.round(freeShare * 100)} % free`)
  }
}

function say(isWell: boolean, what: string, how: string): void {
  if (!isWell) failed = true
  console.log(`${isWell ? 'ok  ' : 'FAIL'} ${what}: ${how}`)
}
