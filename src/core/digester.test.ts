import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { BufferPool } from './buffer-pool.ts'
import { digesterKeepsItsPromises } from './digester.suite.ts'
import { inlineDigester } from './digester.ts'
import { ThreadDigester } from './thread-digester.ts'

const pool = new BufferPool()
const opened: ThreadDigester[] = []
function threads(count: 1 | 2): ThreadDigester {
  const digester = new ThreadDigester({ threads: count })
  opened.push(digester)
  return digester
}
after(() => Promise.all(opened.map((digester) => digester.close())))

digesterKeepsItsPromises('the digester of this thread', () => inlineDigester)
digesterKeepsItsPromises('the digester with one thread', () => threads(1))
digesterKeepsItsPromises('the digester with two threads', () => threads(2))

test('a digester that is closed leaves nobody waiting', async () => {
  const digester = threads(1)
  const stream = digester.stream()
  await stream.update(pool.take(100_000))
  await Promise.all(Array.from({ length: 4 }, () => digester.sha256(pool.take(1_048_576))))
  const waiting = digester.sha256(pool.take(1_048_576))
  const refused = assert.rejects(waiting, /closed/)
  await digester.close()
  await refused
  await assert.rejects(digester.sha256(pool.take(1_048_576)), /closed/)
  await assert.rejects(stream.digest(), /closed/)
})
