/**
 * One end of transfer.ts: `WAY seed FILE FOLDER` and `WAY fetch WHERE BYTES FOLDER`. Every way but TLS alone moves
 * chunks of 256 KiB, sixteen asked for at a time, checks each and writes it to a file; `kept` is a whole node that ends
 * with everything durable in its store, and `node` one that reads the whole, checks its hash and writes a file as well.
 * `seed` says its processor time when it is asked (`ready`, a line, `seconds`).
 */
import { createHash, hash } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  openSync,
  read as readAt,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { promisify } from 'node:util'
import type { PrivateKey } from '@libp2p/interface'
import { SystemClock } from '../src/core/clock.ts'
import { silentLogger } from '../src/core/log.ts'
import { createMetrics } from '../src/core/metrics.ts'
import { SystemRandom } from '../src/core/random.ts'
import { signingKeyFromSeed } from '../src/core/signing-key.ts'
import {
  createNode,
  loadConfig,
  type Node,
  type NodeConfig,
  type NodeSeams,
  parseContentId,
  readPieces,
} from '../src/index.ts'
import { createLibp2pNetwork } from '../src/network/libp2p-network.ts'
import { nativeTls } from '../src/network/native-tls/native-tls.ts'
import { TlsIdentity } from '../src/network/native-tls/tls-identity.ts'
import type { Network } from '../src/network/network.ts'
import { networkOptions } from '../src/node/network-options.ts'
import { endWithTheBenchmark, say } from './contenders/contender-program.ts'
import { sendFile } from './contenders/send-file.ts'

const CHUNK_BYTES = 256 * 1024
const FRAME_BYTES = 64 * 1024
const DIGEST_BYTES = 32
const IN_FLIGHT = 16
const READ_BYTES = 1024 * 1024
const PROTOCOL = '/bench/chunks/1.0.0'
const read = promisify(readAt)
const [way = '', role = '', first = '', second = '', third = ''] = process.argv.slice(2)
endWithTheBenchmark()

const ways: Record<
  string,
  { seed: () => Promise<string>; fetch: (where: string) => Promise<() => Promise<void>> }
> = {
  kept: { seed: seedNode, fetch: keepByNode },
  node: { seed: seedNode, fetch: (where) => fetchByNode(where, true) },
  'node-streams': { seed: seedNode, fetch: (where) => fetchByNode(where, false) },
  direct: { seed: () => seedRequests(true), fetch: (where) => fetchByRequests(where, true) },
  native: { seed: () => seedRequests(false), fetch: (where) => fetchByRequests(where, false) },
  stock: { seed: () => seedStream(false), fetch: (where) => fetchByStream(where, false) },
  stream: { seed: () => seedStream(true), fetch: (where) => fetchByStream(where, true) },
  onread: { seed: seedTls, fetch: (where) => fetchByTls(where, false) },
  hashed: { seed: seedTls, fetch: (where) => fetchByTls(where, true) },
}
const chosen = ways[way]
if (chosen === undefined) throw new Error(`There is no way “${way}”.`)
if (role === 'seed') {
  mkdirSync(second, { recursive: true })
  const where = await chosen.seed()
  const before = process.cpuUsage()
  say({ where })
  say({ ready: true })
  await once(process.stdin, 'data')
  say({ seconds: cpuSince(before) })
} else {
  mkdirSync(third, { recursive: true })
  const work = await chosen.fetch(first)
  say({ ready: true })
  await once(process.stdin, 'data')
  const [begin, before] = [performance.now(), process.cpuUsage()]
  await work()
  say({ seconds: (performance.now() - begin) / 1000 })
  say({ cpu: cpuSince(before) })
}
if (process.execArgv.includes('--cpu-prof')) process.exit()

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

async function startNode(home: string, bulk = true): Promise<Node> {
  const flags = {
    home,
    label: 'bench',
    port: 0,
    mdns: false,
    upnp: false,
    dht: false,
    cacheBytesMax: 8 * 1024 ** 3,
  }
  const config = loadConfig({ userHome: homedir(), flags })
  const node = await createNode(config, bulk ? {} : overStreams(config))
  await node.start()
  return node
}

/** As where no direct connection can be had: everything comes over streams of libp2p. */
function overStreams(config: NodeConfig): NodeSeams {
  const parts = {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    folder: join(config.home, 'network'),
  }
  const options = { ...networkOptions(config), bulk: false }
  return { network: (key) => createLibp2pNetwork({ ...parts, key }, options) }
}

async function seedNode(): Promise<string> {
  const node = await startNode(second)
  await using source = await open(first)
  const options = {
    policy: { kind: 'replica', copies: 1 },
    acknowledge: 'local',
    sizeBytes: statSync(first).size,
  } as const
  const { id } = await node.services.content.publish(readPieces(source), options)
  return `${id}@${node.services.network.addresses()[0]}`
}

async function keepByNode(where: string): Promise<() => Promise<void>> {
  const { node, id } = await connectedNode(where, true)
  return () => node.services.content.keep(parseContentId(id))
}

async function fetchByNode(where: string, bulk: boolean): Promise<() => Promise<void>> {
  const { node, id } = await connectedNode(where, bulk)
  return async () => {
    const found = await node.services.content.retrieve(parseContentId(id), { reuse: true })
    await using output = await open(join(third, 'output'), 'w')
    for await (const piece of found.bytes) await output.writeFile(piece)
  }
}

async function connectedNode(where: string, bulk: boolean): Promise<{ node: Node; id: string }> {
  const node = await startNode(third, bulk)
  const [id = '', address = ''] = where.split('@')
  await node.services.network.connect(address)
  return { node, id }
}

async function startNetwork(folder: string, bulk: boolean): Promise<Network> {
  const random = new SystemRandom()
  const parts = {
    key: signingKeyFromSeed(random.bytes(32)),
    clock: new SystemClock(),
    random,
    log: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    folder,
  }
  const network = createLibp2pNetwork(parts, {
    host: '127.0.0.1',
    mdns: false,
    autonat: false,
    dht: false,
    bulk,
  })
  await network.start()
  return network
}

async function seedRequests(bulk: boolean): Promise<string> {
  const fd = openSync(first, 'r')
  const network = await startNetwork(second, bulk)
  const pool: Buffer[] = []
  network.handle(PROTOCOL, async function* (request) {
    let index = 0
    for await (const frame of request) index = Buffer.from(frame).readUInt32BE()
    const chunk = pool.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
    await read(fd, chunk, 0, CHUNK_BYTES, index * CHUNK_BYTES)
    for (let at = 0; at < CHUNK_BYTES; at += FRAME_BYTES) yield chunk.subarray(at, at + FRAME_BYTES)
    pool.push(chunk)
  })
  return `${network.addresses()[0]}@${keepDigestsOf(first, second)}`
}

async function fetchByRequests(where: string, bulk: boolean): Promise<() => Promise<void>> {
  const { address, digests } = chunksAt(where)
  const network = await startNetwork(third, bulk)
  const peer = await network.connect(address)
  const ask = async (index: number, chunk: Uint8Array) => {
    const question = Buffer.alloc(4)
    question.writeUInt32BE(index)
    let at = 0
    for await (const frame of network.request(peer, PROTOCOL, [question], { bulk: true })) {
      chunk.set(frame, at)
      at += frame.byteLength
    }
  }
  // The direct connection is made when something is asked for; nobody waits for it.
  for (let warm = 0; warm < 20; warm++) {
    await ask(0, new Uint8Array(CHUNK_BYTES))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return () => fetchAll(digests, ask)
}

/** Sixteen at a time; each checked and written before the next is asked for. */
async function fetchAll(
  digests: Buffer,
  ask: (index: number, chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const fd = openSync(join(third, 'output'), 'w')
  const count = Number(second) / CHUNK_BYTES
  let next = 0
  const lane = async () => {
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for (let index = next++; index < count; index = next++) {
      await ask(index, chunk)
      check(digests, index, chunk)
      writeSync(fd, chunk, 0, CHUNK_BYTES, index * CHUNK_BYTES)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
}

function check(digests: Buffer, index: number, chunk: Uint8Array): void {
  const expected = digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)
  if (!hash('sha256', chunk, 'buffer').equals(expected)) throw new Error(`Chunk ${index} is wrong.`)
}

/** Puts the digests of the file's chunks into a file of their own, too many for a command line; its path. */
function keepDigestsOf(file: string, folder: string): string {
  const bytes = readFileSync(file)
  const digests: Buffer[] = []
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    digests.push(hash('sha256', bytes.subarray(at, at + CHUNK_BYTES), 'buffer'))
  }
  const path = join(folder, 'digests')
  writeFileSync(path, Buffer.concat(digests))
  return path
}

/** Where the chunks are had and what they have to be: the address has no “@”, the path may. */
function chunksAt(where: string): { address: string; digests: Buffer } {
  const at = where.indexOf('@')
  return { address: where.slice(0, at), digests: readFileSync(where.slice(at + 1)) }
}

/** A host of js-libp2p as it comes, with its own TLS or ours. */
async function bareHost(native: boolean) {
  const [{ createLibp2p }, { tcp }, { tls }, { yamux }, { identify }] = await Promise.all([
    import('libp2p'),
    import('@libp2p/tcp'),
    import('@libp2p/tls'),
    import('@libp2p/yamux'),
    import('@libp2p/identify'),
  ])
  const parts = { clock: new SystemClock(), random: new SystemRandom() }
  const identityOf = (key: PrivateKey) => new TlsIdentity(parts, key)
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [native ? nativeTls({ identityOf }) : tls()] as never,
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionGater: { denyDialMultiaddr: () => false },
  })
}

async function seedStream(native: boolean): Promise<string> {
  const fd = openSync(first, 'r')
  const host = await bareHost(native)
  await host.handle(PROTOCOL, async (stream) => {
    let rest = Buffer.alloc(0)
    const queue: number[] = []
    let busy = false
    const pump = async () => {
      if (busy) return
      busy = true
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
        await read(fd, chunk, 0, CHUNK_BYTES, index * CHUNK_BYTES)
        if (!stream.send(chunk)) await stream.onDrain()
      }
      busy = false
    }
    stream.addEventListener('message', ({ data }) => {
      rest = Buffer.concat([rest, data.subarray()])
      for (; rest.byteLength >= 4; rest = rest.subarray(4)) queue.push(rest.readUInt32BE())
      void pump()
    })
  })
  return `${host.getMultiaddrs()[0]}@${keepDigestsOf(first, second)}`
}

async function fetchByStream(where: string, native: boolean): Promise<() => Promise<void>> {
  const { address, digests } = chunksAt(where)
  const { multiaddr } = await import('@multiformats/multiaddr')
  const host = await bareHost(native)
  const stream = await (await host.dial(multiaddr(address))).newStream(PROTOCOL)
  const waiting: { chunk: Uint8Array; have: number; done: () => void; fail: (error: Error) => void }[] = []
  stream.addEventListener('message', ({ data }) => {
    for (const part of data instanceof Uint8Array ? [data] : data) {
      for (let at = 0; at < part.byteLength; ) {
        const [head] = waiting
        if (head === undefined) throw new Error('more than was asked for')
        const piece = part.subarray(at, at + CHUNK_BYTES - head.have)
        head.chunk.set(piece, head.have)
        head.have += piece.byteLength
        at += piece.byteLength
        if (head.have === CHUNK_BYTES) waiting.shift()?.done()
      }
    }
  })
  stream.addEventListener('close', () => {
    for (const { fail } of waiting) fail(new Error('The stream ended.'))
  })
  const ask = (index: number, chunk: Uint8Array) =>
    new Promise<void>((done, fail) => {
      waiting.push({ chunk, have: 0, done, fail })
      const question = Buffer.alloc(4)
      question.writeUInt32BE(index)
      stream.send(question)
    })
  return () => fetchAll(digests, ask)
}

async function seedTls(): Promise<string> {
  const { createCertificate } = await import('../src/network/native-tls/certificate.ts')
  const { generateKeyPair } = await import('@libp2p/crypto/keys')
  const parts = { clock: new SystemClock(), random: new SystemRandom() }
  const pair = await createCertificate(parts, await generateKeyPair('Ed25519'))
  const server = createServer({ ...pair, minVersion: 'TLSv1.3', noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      sendFile(first, socket).catch((error) => socket.destroy(error))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return String((server.address() as { port: number }).port)
}

async function fetchByTls(port: string, hashed: boolean): Promise<() => Promise<void>> {
  const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: () => true }
  const base = { port: Number(port), host: '127.0.0.1', rejectUnauthorized: false }
  const socket = connect(hashed ? base : ({ ...base, onread } as typeof base))
  await once(socket, 'secureConnect')
  return async () => {
    const whole = createHash('sha256')
    if (hashed) socket.on('data', (bytes) => whole.update(bytes))
    else socket.resume()
    socket.write('go')
    await once(socket, 'end')
    whole.digest()
  }
}
