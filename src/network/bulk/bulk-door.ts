import { Server, type Socket } from 'node:net'
import type { Listener, Transport } from '@libp2p/interface'
import type { Clock } from '../../core/clock.ts'
import { networkGroupOfIp } from '../network-group.ts'

/** How a TLS record begins; multistream-select begins with 0x13, the length of its name. */
const TLS_FIRST_BYTE = 0x16
/** Who has said nothing for so long gets libp2p, which has a time-out for that. */
const FIRST_BYTE_MS = 1_000
/** Sockets whose first byte is awaited; those beyond get libp2p at once, which has limits for that. */
const WAITING_MAX = 128
/** Of those, such as come from one network. */
const WAITING_PER_NETWORK_MAX = 64

/** The part of libp2p's TCP listener that we reach into, which its types call private. */
interface Opened {
  server?: unknown
}

type Take = (socket: Socket) => void

/**
 * Lets two kinds of connections in on one TCP port: the first byte tells libp2p's from our direct TLS. Whatever is
 * not certainly ours goes to libp2p untouched.
 */
export class BulkDoor {
  readonly #clock: Clock
  /** Sockets that have said nothing yet, and the network of each. */
  readonly #waiting = new Map<Socket, string>()
  #take: Take | undefined
  /** Whether some listener lets direct connections in; false when libp2p's listener is not built as we know it. */
  isOpen = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** From now on direct connections go to `take`; before that, and after `close`, to nobody. */
  open(take: Take): void {
    this.#take = take
  }

  close(): void {
    this.#take = undefined
    for (const socket of this.#waiting.keys()) socket.destroy()
  }

  /** The same transport, whose listeners look at the first byte. */
  in<Components>(transport: (components: Components) => Transport): (components: Components) => Transport {
    return (components) => {
      const inner = transport(components)
      const createListener = inner.createListener.bind(inner)
      inner.createListener = (options) => {
        const listener = createListener(options)
        this.#put(listener)
        return listener
      }
      return inner
    }
  }

  #put(listener: Listener): void {
    const { server } = listener as unknown as Opened
    if (!(server instanceof Server)) return
    const [libp2p, ...others] = server.listeners('connection') as Take[]
    if (libp2p === undefined || others.length > 0) return
    server.removeListener('connection', libp2p)
    server.on('connection', (socket: Socket) => {
      this.#look(socket, (taken) => libp2p.call(server, taken))
    })
    this.isOpen = true
  }

  #hasRoomFor(network: string): boolean {
    if (this.#waiting.size >= WAITING_MAX) return false
    const ofNetwork = this.#waiting.values().filter((other) => other === network)
    return [...ofNetwork].length < WAITING_PER_NETWORK_MAX
  }

  #look(socket: Socket, libp2p: Take): void {
    const network = networkGroupOfIp(socket.remoteAddress ?? '') ?? ''
    if (this.#take === undefined || !this.#hasRoomFor(network)) {
      libp2p(socket)
      return
    }
    this.#waiting.set(socket, network)
    const decide = (bytes: Buffer | undefined) => {
      this.#waiting.delete(socket)
      timer.stop()
      socket.off('data', decide)
      socket.off('error', gone)
      socket.off('close', gone)
      // Nothing may be lost between us and whoever takes it.
      socket.pause()
      if (bytes !== undefined) socket.unshift(bytes)
      if (bytes?.[0] === TLS_FIRST_BYTE && this.#take !== undefined) this.#take(socket)
      else {
        libp2p(socket)
        socket.resume()
      }
    }
    const gone = () => {
      this.#waiting.delete(socket)
      timer.stop()
      socket.destroy()
    }
    const timer = this.#clock.after(FIRST_BYTE_MS, () => decide(undefined))
    socket.on('data', decide)
    socket.on('error', gone)
    socket.on('close', gone)
  }
}
