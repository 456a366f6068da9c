/**
 * A stock js-libp2p stream, as a program without Kizuna would use it: chunks of 256 KiB asked for one after the
 * other on one stream, eight at a time, each verified and stored. TLS, Yamux, no tuning.
 */
import { createHash } from 'node:crypto'
import { openSync, read as readAt, statSync, write as writeAt } from 'node:fs'
import { promisify } from 'node:util'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'

const PROTOCOL = '/bench/chunks/1.0.0'
const CHUNK_BYTES = 256 * 1024
const IN_FLIGHT = 8
const DIGEST_BYTES = 32
const read = promisify(readAt)
const write = promisify(writeAt)

const roles: Record<string, () => Promise<void>> = { seed, fetch }
endWithTheBenchmark()
await roles[process.argv[2] ?? '']?.()

function start() {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionGater: { denyDialMultiaddr: () => false },
  })
}

/** Answers an index of four bytes with the chunk's digest and the chunk. */
async function seed(): Promise<void> {
  const [file = ''] = wordsOf(2)
  const sizeBytes = statSync(file).size
  const fd = openSync(file, 'r')
  const host = await start()
  await host.handle(PROTOCOL, async (stream) => {
    for await (const index of pieces(stream, () => 4)) {
      const at = index.readUInt32BE(0) * CHUNK_BYTES
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, sizeBytes - at))
      await read(fd, chunk, 0, chunk.length, at)
      stream.send(createHash('sha256').update(chunk).digest())
      if (!stream.send(chunk)) await stream.onDrain()
    }
    await stream.close()
  })
  say({ where: `${sizeBytes}@${host.getMultiaddrs()[0]}` })
}

async function fetch(): Promise<void> {
  const [where = '', output = ''] = wordsOf(3)
  const [size = '', address = ''] = where.split('@')
  const sizeBytes = Number(size)
  const count = Math.ceil(sizeBytes / CHUNK_BYTES)
  const fd = openSync(output, 'w')
  const host = await start()
  const connection = await host.dial(multiaddr(address))
  const stream = await connection.newStream(PROTOCOL)
  await timed(async () => {
    let asked = 0
    const ask = () => {
      if (asked === count) return
      const index = Buffer.alloc(4)
      index.writeUInt32BE(asked++)
      stream.send(index)
    }
    for (let n = 0; n < IN_FLIGHT; n++) ask()
    let got = 0
    const expected = () => DIGEST_BYTES + Math.min(CHUNK_BYTES, sizeBytes - got * CHUNK_BYTES)
    for await (const answer of pieces(stream, expected)) {
      const chunk = answer.subarray(DIGEST_BYTES)
      const digest = createHash('sha256').update(chunk).digest()
      if (!digest.equals(answer.subarray(0, DIGEST_BYTES))) throw new Error(`Chunk ${got} is wrong.`)
      await write(fd, chunk, 0, chunk.length, got * CHUNK_BYTES)
      ask()
      if (++got === count) break
    }
  })
}

type Bytes = AsyncIterable<{ subarray(): Uint8Array }>

/** Cuts a stream into pieces of the sizes that `next` says. */
async function* pieces(stream: Bytes, next: () => number): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = []
  let have = 0
  for await (const list of stream) {
    const bytes = list.subarray()
    parts.push(bytes)
    have += bytes.byteLength
    while (have >= next()) {
      const joined = Buffer.concat(parts)
      const wanted = next()
      parts = [joined.subarray(wanted)]
      have = joined.length - wanted
      yield joined.subarray(0, wanted)
    }
  }
}
