import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { BufferPool } from './buffer-pool.ts'
import { digesterKeepsItsPromises } from './digester.suite.ts'
import { type Digester, inlineDigester } from './digester.ts'
import { ThreadDigester } from './thread-digester.ts'

const pool = new BufferPool()
const opened: ThreadDigester[] = []
function threads(count: 1 | 2): ThreadDigester {
  const digester = new ThreadDigester({ threads: count })
  opened.push(digester)
  return digester
}

/** Resolves when the thread for chunks is asked. */
async function started<Kind extends Digester>(digester: Kind): Promise<Kind> {
  while (!(await isAsked(digester))) await setImmediate()
  return digester
}

/** Whether another thread hashes: what is hashed here is there in the same turn. */
async function isAsked(digester: Digester): Promise<boolean> {
  let isDone = false
  const digest = digester.sha256(pool.take(1_048_576)).then(() => {
    isDone = true
  })
  for (let step = 0; step < 10; step++) await undefined
  const isElsewhere = !isDone
  await digest
  return isElsewhere
}

after(() => Promise.all(opened.map((digester) => digester.close())))

digesterKeepsItsPromises('the digester of this thread', () => inlineDigester)
for (const count of [1, 2] as const) {
  const name = `the digester with ${count} ${count === 1 ? 'thread' : 'threads'}`
  digesterKeepsItsPromises(name, () => threads(count))
  digesterKeepsItsPromises(`${name}, started,`, () => started(threads(count)))
}

test('what is hashed little is hashed here, and much by a thread once it has started', async () => {
  const digester = threads(1)
  assert.equal(await isAsked(digester), false)
  for (let count = 0; count < 4; count++) await digester.sha256(pool.take(1_048_576))
  assert.equal(await isAsked(digester), false, 'nothing waits for the thread to start')
  await started(digester)
  assert.equal(await isAsked(digester), true)
})

test('a digester that is closed leaves nobody waiting', async () => {
  const digester = await started(threads(1))
  const stream = digester.stream()
  await stream.update(pool.take(100_000))
  const waiting = digester.sha256(pool.take(1_048_576))
  const refused = assert.rejects(waiting, /closed/)
  await digester.close()
  await refused
  await assert.rejects(digester.sha256(pool.take(1_048_576)), /closed/)
  await assert.rejects(stream.digest(), /closed/)
})
