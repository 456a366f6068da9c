import { createHash } from 'node:crypto'
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, ConnectionEncrypter, Libp2p, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { tls as stockTls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { SystemClock } from '../../core/clock.ts'
import { SystemRandom } from '../../core/random.ts'
import { until } from '../start-networks.suite.ts'
import { quickYamux } from '../yamux/quick-yamux.ts'
import { nativeTls } from './native-tls.ts'
import { TlsIdentity } from './tls-identity.ts'

/** How a connection is secured in these tests: by us, by the unmodified library, or in another way. */
export type Encryption = 'native' | 'stock' | 'noise' | 'stock without early muxer'

const parts = { clock: new SystemClock(), random: new SystemRandom() }
const identityOf = (key: PrivateKey) => new TlsIdentity(parts, key)
/** Long enough for a busy machine. */
const UPGRADE_TIMEOUT_MS = 30_000

interface HostOptions {
  privateKey?: PrivateKey
  /** How long who connects may take to say who it is. */
  upgradeTimeoutMs?: number
}

/** As libp2p-host.ts has it: a paused stream of the library is aborted when more than 4 MiB wait in it. */
const OUR_YAMUX = { streamOptions: { maxStreamWindowSize: 2 * 1024 * 1024 } }

type Encrypter = (components: never) => ConnectionEncrypter

/** Unmodified hosts and ours, side by side on loopback; all stop when the test ends. */
export class StockHosts implements AsyncDisposable {
  readonly #hosts: Libp2p[] = []
  readonly #servers: { close(): void }[] = []
  readonly #sockets = new Set<Socket>()
  readonly #securedBy = new WeakMap<Libp2p, ('native' | 'stock')[]>()

  async start(encryption: readonly Encryption[], options: HostOptions = {}): Promise<Libp2p> {
    const secured: ('native' | 'stock')[] = []
    const encrypters: Record<Encryption, Encrypter> = {
      native: nativeTls({ identityOf, onSecured: (by) => secured.push(by) }) as Encrypter,
      stock: stockTls() as Encrypter,
      noise: noise() as Encrypter,
      'stock without early muxer': withoutEarlyMuxer,
    }
    const host = (await createLibp2p({
      privateKey: options.privateKey ?? (await generateKeyPair('Ed25519')),
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: encryption.map((name) => encrypters[name]),
      streamMuxers: [encryption.includes('native') ? quickYamux(OUR_YAMUX) : yamux()],
      services: { identify: identify() },
      connectionMonitor: { enabled: false },
      connectionManager: {
        inboundConnectionThreshold: 1_000,
        inboundUpgradeTimeout: options.upgradeTimeoutMs ?? UPGRADE_TIMEOUT_MS,
      },
    } as unknown as Libp2pOptions)) as Libp2p
    await host.handle('/echo/1', async (stream) => {
      stream.addEventListener('message', ({ data }) => {
        if (stream.writeStatus !== 'writable' || stream.send(data)) return
        stream.pause()
        stream.addEventListener('drain', () => stream.resume(), { once: true })
      })
      stream.addEventListener('end', () => void stream.close().catch(() => {}))
    })
    this.#hosts.push(host)
    this.#securedBy.set(host, secured)
    return host
  }

  /** Who secured each connection of a host of ours. */
  securedBy(host: Libp2p): readonly ('native' | 'stock')[] {
    return this.#securedBy.get(host) ?? []
  }

  /** A bare TCP server, for those who only pretend. */
  async listen(serve: (socket: Socket) => void): Promise<number> {
    const server: Server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      serve(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#servers.push(server)
    return (server.address() as { port: number }).port
  }

  /** A bare TCP connection to a host, with these bytes as its first segment. */
  async connect(host: Libp2p, first: Uint8Array): Promise<Socket> {
    const socket = connectTcp(portOf(host), '127.0.0.1')
    this.#sockets.add(socket)
    socket.on('error', () => {})
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.setNoDelay(true)
    if (first.byteLength > 0) socket.write(first)
    return socket
  }

  /** A way to a host on which one bit turns over, or the line breaks, after so many bytes. */
  async meddler(
    host: Libp2p,
    harm: { what: 'flip' | 'cut'; afterBytes: number; direction: 'to server' | 'to client' },
  ): Promise<Multiaddr> {
    const port = await this.listen((near) => {
      const far = connectTcp(portOf(host), '127.0.0.1')
      this.#sockets.add(far)
      far.on('error', () => {})
      const toServer = harm.direction === 'to server'
      pass(near, far, toServer ? harm : undefined)
      pass(far, near, toServer ? undefined : harm)
    })
    return multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${host.peerId}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    for (const server of this.#servers) server.close()
    await Promise.all(this.#hosts.map((host) => host.stop()))
  }
}

/** Sends `sizeBytes`, in whole pieces of 64 KiB, and gets them back; throws when they are not the same, or the stream ends before. */
export async function echo(connection: Connection, sizeBytes: number): Promise<void> {
  const piece = Buffer.alloc(64 * 1024).map((_, index) => (index * 7) % 251)
  const stream = await connection.newStream('/echo/1')
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  const wanted = Math.ceil(sizeBytes / piece.byteLength) * piece.byteLength
  let count = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  stream.addEventListener('message', ({ data }) => {
    for (const part of data instanceof Uint8Array ? [data] : data) received.update(part)
    count += data.byteLength
    if (count >= wanted) resolve()
  })
  // A broken connection may end a stream as politely as a finished one: only the count tells.
  stream.addEventListener('close', ({ error }) => reject(error ?? new Error(`ended after ${count} bytes`)))
  promise.catch(() => {})
  for (let left = sizeBytes; left > 0 && stream.writeStatus === 'writable'; left -= piece.byteLength) {
    sent.update(piece)
    if (!stream.send(piece)) await Promise.race([stream.onDrain(), promise])
  }
  await promise
  if (sent.digest('hex') !== received.digest('hex')) throw new Error('other bytes came back')
  await stream.close()
}

/** A host's own address, with its peer id. */
export function addressOf(host: Libp2p): Multiaddr {
  const [address] = host.getMultiaddrs()
  if (address === undefined) throw new Error('The host does not listen.')
  return address
}

/** The TCP port that a host listens on. */
export function portOf(host: Libp2p): number {
  return Number(/tcp\/(\d+)/.exec(addressOf(host).toString())?.[1])
}

/** The peer id of a private key, as text. */
export function peerOf(key: PrivateKey): string {
  return peerIdFromPrivateKey(key).toString()
}

/** Resolves when a socket is closed; fails when that takes longer than so much of our own time. */
export async function closing(socket: Socket, timeoutMs: number): Promise<void> {
  socket.resume()
  await until(() => socket.closed, timeoutMs)
}

function pass(
  from: Socket,
  to: Socket,
  harm: { what: 'flip' | 'cut'; afterBytes: number } | undefined,
): void {
  let passed = 0
  from.on('data', (data) => {
    const place = harm === undefined ? -1 : harm.afterBytes - passed
    passed += data.byteLength
    if (place >= 0 && place < data.byteLength) {
      if (harm?.what === 'cut') {
        from.resetAndDestroy()
        to.resetAndDestroy()
        return
      }
      data[place] = (data[place] ?? 0) ^ 1
    }
    to.write(data)
  })
  from.on('close', () => to.destroy())
}

/** As remotes do that negotiate their muxer inside TLS: ALPN names `libp2p` only. */
const withoutEarlyMuxer: Encrypter = (components) => {
  const inner = stockTls()(components)
  return {
    protocol: inner.protocol,
    secureInbound: (connection, options) =>
      inner.secureInbound(connection, { ...options, skipStreamMuxerNegotiation: true }),
    secureOutbound: (connection, options) =>
      inner.secureOutbound(connection, { ...options, skipStreamMuxerNegotiation: true }),
  }
}
