import { createServer, type Server, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { type Clock, SystemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import { SystemRandom } from '../../core/random.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { AnsweringLoad } from '../answering-load.ts'
import { madeCertificate } from '../native-tls/made-certificate.suite.ts'
import { peerOf } from '../native-tls/stock-hosts.suite.ts'
import { TlsIdentity } from '../native-tls/tls-identity.ts'
import type { RequestHandler } from '../network.ts'
import { BULK_PROTOCOL, BulkFrameReader, type BulkHeader, encodeBulkHeader } from './bulk-frame.ts'
import { BulkServer } from './bulk-server.ts'

export const ECHO = '/test/echo/1'

/** A server on loopback, and a key whose peer it holds to be connected. */
export class ServedWorld implements AsyncDisposable {
  readonly key: PrivateKey
  readonly metrics = createMetrics({ processMetrics: false })
  readonly load: AnsweringLoad
  receivedBytes = 0
  asked = 0
  aborted = 0
  readonly #server: BulkServer
  readonly #listener: Server
  readonly #sockets: Socket[] = []

  private constructor(key: PrivateKey, hostKey: PrivateKey, options: WorldOptions) {
    this.key = key
    const clock = options.clock ?? new SystemClock()
    this.load = new AnsweringLoad({ clock, metrics: this.metrics })
    this.#server = new BulkServer({
      self: peerOf(hostKey) as PeerId,
      clock,
      log: silentLogger,
      metrics: this.metrics,
      load: this.load,
      identity: new TlsIdentity({ clock, random: new SystemRandom() }, hostKey),
      isConnected: options.isConnected ?? ((peer) => peer === peerOf(key)),
      handlerOf: (protocol) => this.#handlers[protocol],
    })
    this.#listener = createServer((socket) => {
      this.#sockets.push(socket)
      this.#server.take(socket)
    })
  }

  static async start(options: WorldOptions = {}): Promise<ServedWorld> {
    const keys = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')] as const
    const world = new ServedWorld(...keys, options)
    world.#flipAfterBytes = options.flipAfterBytes
    await new Promise<void>((resolve) => world.#listener.listen(0, '127.0.0.1', resolve))
    return world
  }

  #flipAfterBytes: number | undefined
  readonly #handlers: Record<string, RequestHandler> = {
    [ECHO]: async function* (this: void, request) {
      for await (const bytes of request) yield bytes
    },
    '/test/eat/1': (request) => this.#eat(request),
    '/test/endless/1': async function* (this: void) {
      for (;;) yield Buffer.alloc(60_000)
    },
    '/test/large/1': async function* (this: void) {
      yield Buffer.alloc(2_000_000)
    },
    '/test/deaf/1': (_request, { signal }) => this.#deaf(signal),
  }

  async *#eat(request: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of request) this.receivedBytes += bytes.byteLength
    yield Buffer.from('eaten')
  }

  async *#deaf(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.asked++
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    this.aborted++
  }

  get #port(): number {
    return (this.#listener.address() as { port: number }).port
  }

  tls(options: ConnectionOptions): TLSSocket {
    const base = {
      port: this.#port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: [BULK_PROTOCOL],
    }
    const client = connect({ ...base, ...options })
    client.on('error', () => {})
    this.#sockets.push(client)
    return client
  }

  async tcp(first: Buffer): Promise<Socket> {
    const { connect: connectTcp } = await import('node:net')
    const socket = connectTcp(this.#port, '127.0.0.1')
    socket.on('error', () => {})
    this.#sockets.push(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write(first)
    return socket
  }

  /** A client with the right key, after its handshake. */
  async dial(): Promise<TLSSocket> {
    const pair = await madeCertificate(this.key)
    const client =
      this.#flipAfterBytes === undefined
        ? this.tls(pair)
        : await this.#throughMeddler(pair, this.#flipAfterBytes)
    await new Promise((resolve) => client.once('secureConnect', resolve))
    return client
  }

  async #throughMeddler(pair: ConnectionOptions, flipAfterBytes: number): Promise<TLSSocket> {
    const { connect: connectTcp } = await import('node:net')
    const meddler = createServer((near) => {
      const far = connectTcp(this.#port, '127.0.0.1')
      this.#sockets.push(near, far)
      let passed = 0
      near.on('error', () => {}).on('close', () => far.destroy())
      far.on('error', () => {}).on('close', () => near.destroy())
      far.on('data', (bytes) => near.write(bytes))
      near.on('data', (bytes) => {
        const place = flipAfterBytes - passed
        if (place >= 0 && place < bytes.byteLength) bytes[place] = (bytes[place] ?? 0) ^ 1
        passed += bytes.byteLength
        far.write(bytes)
      })
    })
    await new Promise<void>((resolve) => meddler.listen(0, '127.0.0.1', resolve))
    const { port } = meddler.address() as { port: number }
    const client = this.tls({ ...pair, port })
    client.once('close', () => meddler.close())
    return client
  }

  /** The next so many frames that come. */
  framesOf(client: TLSSocket, count: number): Promise<[number, string, string][]> {
    const frames: [number, string, string][] = []
    return new Promise((resolve, reject) => {
      this.onFrame(client, (id, mark, bytes) => {
        frames.push([id, mark, Buffer.from(bytes).toString()])
        if (frames.length === count) resolve(frames)
      })
      client.once('close', () => reject(new Error(`closed after ${frames.length} frames`)))
    })
  }

  /** Tells of each frame that comes after the first word. */
  onFrame(client: TLSSocket, listener: (id: number, mark: string, bytes: Uint8Array) => void): void {
    const reader = new BulkFrameReader({
      begin: ({ sizeBytes }: BulkHeader) => Buffer.alloc(sizeBytes),
      whole: ({ id, mark }: BulkHeader, bytes: Uint8Array) => {
        if (mark !== 'ready') listener(id, mark, bytes)
      },
    })
    client.on('data', (bytes: Buffer) => reader.push(bytes))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.stop()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#listener.close(resolve))
  }
}

interface WorldOptions {
  clock?: Clock
  isConnected?: (peer: PeerId) => boolean
  /** One bit on the way to the server turns over after so many bytes. */
  flipAfterBytes?: number
}

export function frame(id: number, mark: BulkHeader['mark'], text: string): Buffer {
  const content = Buffer.from(text)
  return Buffer.concat([encodeBulkHeader({ id, mark, sizeBytes: content.byteLength }), content])
}

export function credit(id: number, bytes: number): Buffer {
  const content = Buffer.alloc(4)
  content.writeUInt32BE(bytes)
  return Buffer.concat([encodeBulkHeader({ id, mark: 'credit', sizeBytes: 4 }), content])
}

export function raw(id: number, mark: number, sizeBytes: number): Buffer {
  const header = encodeBulkHeader({ id, mark: 'more', sizeBytes: 0 })
  header.writeUInt32BE(sizeBytes, 0)
  header[8] = mark
  return header
}
