/** What somebody learns who guesses tokens: how many are tried at all, and nothing from how long each takes. */
import { TOKEN } from '../../src/apps/http/http-server.suite.ts'
import { RequestGuard } from '../../src/apps/http/request-guard.ts'
import { Secret } from '../../src/core/secret.ts'
import { VirtualClock } from '../../src/core/virtual-clock.ts'

/** Between a guess that is wrong from the first letter and one that is wrong at the last. */
const TIMING_DIFFERENCE_MAX = 0.1

/** From addresses that are not this machine's: an hour of guessing, a hundred a minute. */
export async function guessFromElsewhere(): Promise<string[]> {
  const failures: string[] = []
  const clock = new VirtualClock()
  const guard = guardOf(clock)
  let evaluated = 0
  for (let second = 0; second < 3_600; second += 1) {
    for (let guess = 0; guess < 2; guess++) {
      if (codeOf(guard, '198.51.100.7', `guess-${second}-${guess}`) === 'TOKEN_REFUSED') evaluated++
      // A whole /64 is one address.
      if (codeOf(guard, `2001:db8:0:1::${second.toString(16)}`, 'guess') === 'TOKEN_REFUSED') evaluated++
    }
    await clock.advance(1_000)
  }
  if (evaluated > 2 * 10 * 61) failures.push(`${evaluated} guesses from elsewhere were tried in an hour`)
  if (codeOf(guard, '198.51.100.8', TOKEN) !== 'in') failures.push('another address was shut out')
  return failures
}

/** Relative difference of the median times of a guess that shares nothing and one that shares all but the last letter. */
export function timeGuesses(samples: number): { difference: number; failures: string[] } {
  const guesses = [`x${TOKEN.slice(1)}`, `${TOKEN.slice(0, -1)}x`].map((guess) => ({
    guess,
    times: [] as number[],
  }))
  let guard = guardOf(new VirtualClock())
  for (let sample = 0; sample < samples; sample++) {
    // Four times two guesses are tried; the eleventh would be answered unread.
    if (sample % 4 === 0) guard = guardOf(new VirtualClock())
    for (const { guess, times } of sample % 2 === 0 ? guesses : [...guesses].reverse()) {
      const begin = process.hrtime.bigint()
      codeOf(guard, '198.51.100.7', guess)
      times.push(Number(process.hrtime.bigint() - begin))
    }
  }
  const [first = 1, second = 1] = guesses.map(
    ({ times }) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)],
  )
  const difference = Math.abs(first - second) / Math.min(first, second)
  const isTold = difference > TIMING_DIFFERENCE_MAX
  return { difference, failures: isTold ? [`guesses take ${first} and ${second} ns`] : [] }
}

function codeOf(guard: RequestGuard, remote: string, token: string): string {
  try {
    guard.check({
      headers: { host: 'localhost', authorization: `Bearer ${token}` },
      remote,
      encrypted: false,
      scope: 'read',
    })
    return 'in'
  } catch (error) {
    return (error as { code: string }).code
  }
}

function guardOf(clock: VirtualClock): RequestGuard {
  const parts = { clock, tokens: { check: () => undefined } }
  return new RequestGuard(parts, { token: new Secret(TOKEN), host: '192.0.2.1', public: true })
}
