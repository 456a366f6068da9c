/** SHA-256 of a file's bytes and nothing else: what any system that checks content pays at least. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { endWithTheBenchmark, timed, wordsOf } from './contender-program.ts'

const READ_BYTES = 1024 * 1024

endWithTheBenchmark()
const [file = ''] = wordsOf(2)
await timed(async () => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: READ_BYTES }), hash)
  hash.digest()
})
