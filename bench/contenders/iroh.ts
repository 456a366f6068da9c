/** iroh, its last version that has blobs in JavaScript: QUIC between two of its nodes, blobs in a store of its own. */
import { once } from 'node:events'
import {
  type AddProgress,
  BlobDownloadOptions,
  BlobFormat,
  type DownloadProgress,
  Iroh,
  NodeDiscoveryConfig,
  SetTagOption,
} from '@number0/iroh'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'

const roles: Record<string, () => Promise<void>> = { seed, keep, publish }
endWithTheBenchmark()
await roles[process.argv[2] ?? '']?.()

async function start(folder: string): Promise<Iroh> {
  return Iroh.persistent(folder, { ipv4Addr: '127.0.0.1:0', nodeDiscovery: NodeDiscoveryConfig.None })
}

async function seed(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const iroh = await start(folder)
  const hash = await add(iroh, file)
  const { addr, listenAddrs } = await iroh.node.status()
  say({ where: [hash, addr.nodeId, ...listenAddrs].join(' ') })
  await once(process.stdin, 'end')
}

/** A second sign lets it be written to a file from the store. */
async function keep(): Promise<void> {
  const [where = '', output = '', folder = ''] = wordsOf(3)
  const [hash = '', nodeId = '', ...addresses] = where.split(' ')
  const iroh = await start(folder)
  await timed(() => download(iroh, hash, { nodeId, addresses }))
  await timed(() => iroh.blobs.writeToPath(hash, output))
}

async function publish(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const iroh = await start(folder)
  await timed(async () => {
    await add(iroh, file)
  })
}

/** Takes a file into the store; its hash. */
function add(iroh: Iroh, file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hear = (error: Error | null, { allDone }: AddProgress) => {
      if (error !== null) reject(error)
      else if (allDone !== undefined) resolve(allDone.hash)
    }
    iroh.blobs.addFromPath(file, false, SetTagOption.auto(), { wrap: false }, hear).catch(reject)
  })
}

function download(iroh: Iroh, hash: string, from: { nodeId: string; addresses: string[] }): Promise<void> {
  const options = new BlobDownloadOptions(BlobFormat.Raw, [from], SetTagOption.auto())
  return new Promise((resolve, reject) => {
    const hear = (error: Error | null, { allDone, abort }: DownloadProgress) => {
      if (error !== null || abort !== undefined) reject(error ?? new Error(abort?.error))
      else if (allDone !== undefined) resolve()
    }
    iroh.blobs.download(hash, options, hear).catch(reject)
  })
}
