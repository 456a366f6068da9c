/** Helia: UnixFS over bitswap, blocks in files. */
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { FsBlockstore } from 'blockstore-fs'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'

const READ_BYTES = 1024 * 1024

const roles: Record<string, () => Promise<void>> = { seed, fetch, publish }
endWithTheBenchmark()
await roles[process.argv[2] ?? '']?.()

async function start(folder: string) {
  const blockstore = new FsBlockstore(join(folder, 'blocks'))
  const helia = withBitswap(
    withLibp2pLight(createHeliaLight({ blockstore }), {
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
      connectionGater: { denyDialMultiaddr: () => false },
    }),
  )
  await helia.start()
  return helia
}

async function seed(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const helia = await start(folder)
  const id = await unixfs(helia).addByteStream(createReadStream(file, { highWaterMark: READ_BYTES }))
  say({ where: `${id}@${helia.libp2p.getMultiaddrs()[0]}` })
}

async function fetch(): Promise<void> {
  const [where = '', output = '', folder = ''] = wordsOf(3)
  const [id = '', address = ''] = where.split('@')
  const helia = await start(folder)
  await helia.libp2p.dial(multiaddr(address))
  await timed(async () => {
    await pipeline(Readable.from(unixfs(helia).cat(CID.parse(id))), createWriteStream(output))
  })
}

async function publish(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const helia = await start(folder)
  await timed(async () => {
    await unixfs(helia).addByteStream(createReadStream(file, { highWaterMark: READ_BYTES }))
  })
}
