/** What the fuzzer takes for a hang: a parser's own work, not the time that other programs have had meanwhile. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { threadCpuMs } from './reliability/cpu-time.ts'
import { fuzz } from './reliability/fuzzing/fuzz.ts'
import { texts } from './reliability/fuzzing/fuzz-target.ts'

const LONG_MS = 1_100

async function findsOf(run: () => void): Promise<readonly string[]> {
  const target = { name: 'slow', seeds: texts('any'), run }
  const corpus = `${mkdtempSync(join(tmpdir(), 'kizuna-fuzz-'))}/`
  const signal = AbortSignal.timeout(60_000)
  try {
    return (await fuzz(target, { seed: 1, executions: 1, signal, corpus })).finds
  } finally {
    rmSync(corpus, { recursive: true })
  }
}

test('a parser that works for more than a second hangs [R-11]', async () => {
  const finds = await findsOf(() => {
    for (const end = threadCpuMs() + LONG_MS; threadCpuMs() < end; );
  })
  assert.equal(finds.length, 1)
  assert.match(finds[0] ?? '', /took more than 1000 ms/)
})

test('a machine that is busy with other things makes no hang of a quick parser [R-11]', async () => {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  assert.deepEqual(await findsOf(() => Atomics.wait(clock, 0, 0, LONG_MS)), [])
})
