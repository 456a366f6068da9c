/**
 * Real KadDHT objects of the library, thousands in one process: only what carries their messages is ours, a
 * direct call instead of a connection. It shows routing (messages, hops, what is found), not networking.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { start, stop } from '@libp2p/interface'
import {
  type KadDHTComponents,
  type KadDHTInit,
  kadDHT,
  passthroughMapper,
  type SingleKadDHT,
} from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { TypedEventEmitter } from 'main-event'

type Kademlia = Pick<KadDHTInit, 'kBucketSize' | 'alpha' | 'disjointPaths' | 'prefixLength'>
type PeerId = KadDHTComponents['peerId']
type Topology = { onConnect: (peer: PeerId) => void; onDisconnect?: (peer: PeerId) => void }
interface Message {
  closer?: WirePeer[]
  providers?: WirePeer[]
}
interface WirePeer {
  id: Uint8Array
  multiaddrs: Uint8Array[]
}
/** What the library's network object is told to do; checked below, since it is not part of the interface. */
interface MessageCarrier {
  _writeMessage: (stream: Line, message: Message) => Promise<void>
  _writeReadMessage: (stream: Line, message: Message) => Promise<Message>
  safeDispatchEvent: (name: string, event: { detail: object }) => void
}
interface Line {
  to: StubbedNode
}
interface Contact {
  id: PeerId
  multiaddrs: Multiaddr[]
}

const EVERY_HOUR_MS = 3_600_000

/** What all nodes share: who is there, and how many messages went to and fro. */
export class StubbedNetwork {
  readonly nodes = new Map<string, StubbedNode>()
  /**
   * Everybody who ever was there, by the bytes of their id. Making an id of bytes and writing it in base58, again and
   * again for the same peers, would take half of the time.
   */
  readonly contacts = new Map<string, Contact>()
  messages = 0
}

/** One member of the DHT. */
export class StubbedNode {
  readonly id: PeerId
  readonly dht: SingleKadDHT
  readonly #network: StubbedNetwork
  readonly #address: Multiaddr
  readonly #events = new TypedEventEmitter()
  readonly #contacts = new Map<string, Contact>()
  readonly #met = new Set<string>()
  #topology: Topology | undefined

  /** A started node that is connected to `through` and has looked itself up. */
  static async join(
    network: StubbedNetwork,
    options: { number: number; kademlia: Kademlia; through: StubbedNode | undefined },
  ): Promise<StubbedNode> {
    const privateKey = await generateKeyPair('Ed25519')
    const node = new StubbedNode(network, privateKey, options)
    network.nodes.set(node.id.toString(), node)
    await start(node.dht)
    if (options.through === undefined) return node
    const looked = new Promise((resolve) => node.#events.addEventListener('kad-dht:query:self', resolve))
    node.#meet(options.through)
    options.through.#meet(node)
    await looked
    return node
  }

  private constructor(
    network: StubbedNetwork,
    privateKey: KadDHTComponents['privateKey'],
    options: { number: number; kademlia: Kademlia },
  ) {
    const { number } = options
    this.#network = network
    this.id = peerIdFromPrivateKey(privateKey)
    this.#address = multiaddr(`/ip4/10.${number >> 16}.${(number >> 8) & 255}.${number & 255}/tcp/4001`)
    network.contacts.set(nameOf(this.id.toMultihash().bytes), { id: this.id, multiaddrs: [this.#address] })
    this.dht = kadDHT({
      protocol: '/bench/kad/1.0.0',
      ...options.kademlia,
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      initialQuerySelfInterval: 5,
      // What a node repeats for itself would be all that thousands in one process do.
      querySelfInterval: EVERY_HOUR_MS,
    })(this.#components(privateKey)) as SingleKadDHT
    this.#carryMessages()
    this.dht.addEventListener('peer', ({ detail }) => {
      this.#remember(detail.id, detail.multiaddrs)
    })
  }

  /** Leaves without a word. */
  async leave(): Promise<void> {
    this.#network.nodes.delete(this.id.toString())
    await stop(this.dht)
  }

  #meet(other: StubbedNode): void {
    this.#met.add(other.id.toString())
    this.#remember(other.id, [other.#address])
    this.#topology?.onConnect(other.id)
  }

  #remember(id: PeerId, multiaddrs: Multiaddr[]): void {
    const name = id.toString()
    if (!this.#contacts.has(name)) this.#contacts.set(name, { id, multiaddrs })
  }

  #lineTo(peer: PeerId): Line {
    const to = this.#network.nodes.get(peer.toString())
    if (to === undefined) throw new Error('This peer is gone.')
    return { to }
  }

  /** In place of streams: the message is handled by the other object at once. */
  #carryMessages(): void {
    const carrier = (this.dht as unknown as { network?: MessageCarrier }).network
    if (typeof carrier?._writeReadMessage !== 'function' || typeof carrier._writeMessage !== 'function') {
      throw new Error('This version of kad-dht carries its messages in another way; the stub has to follow.')
    }
    const handled = async ({ to }: Line, message: Message) => {
      this.#network.messages++
      // Like identify: who is called learns who calls.
      if (!to.#met.has(this.id.toString())) to.#meet(this)
      const { rpc } = to.dht as unknown as {
        rpc: { handleMessage: (from: PeerId, m: Message) => Promise<Message> }
      }
      return rpc.handleMessage(this.id, { closer: [], providers: [], ...message })
    }
    carrier._writeMessage = async (line, message) => void (await handled(line, message))
    carrier._writeReadMessage = async (line, message) => {
      const answer = await handled(line, message)
      const whole = { ...answer, closer: answer.closer ?? [], providers: answer.providers ?? [] }
      for (const { id } of [...whole.closer, ...whole.providers]) {
        const detail = this.#network.contacts.get(nameOf(id))
        if (detail === undefined) throw new Error('A peer told of somebody who never was there.')
        carrier.safeDispatchEvent('peer', { detail })
      }
      return whole
    }
  }

  #components(privateKey: KadDHTComponents['privateKey']): KadDHTComponents {
    const silent = Object.assign(() => undefined, {
      error: () => undefined,
      trace: () => undefined,
      enabled: false,
    })
    const log = Object.assign(silent, { newScope: () => silent })
    const contact = async (peer: PeerId) => {
      const known = this.#contacts.get(peer.toString())
      if (known === undefined) throw Object.assign(new Error('unknown peer'), { name: 'NotFoundError' })
      return known
    }
    const merge = async (peer: PeerId, facts: { multiaddrs?: Multiaddr[] }) => {
      this.#remember(peer, facts.multiaddrs ?? [])
      return contact(peer)
    }
    const parts = {
      peerId: this.id,
      privateKey,
      datastore: new MemoryDatastore(),
      events: this.#events,
      logger: { forComponent: () => log },
      addressManager: { getAddresses: () => [this.#address] },
      peerStore: {
        get: async (peer: PeerId) => {
          const { id, multiaddrs } = await contact(peer)
          return {
            id,
            addresses: multiaddrs.map((known) => ({ multiaddr: known })),
            protocols: [],
            tags: new Map(),
          }
        },
        getInfo: contact,
        has: async (peer: PeerId) => this.#contacts.has(peer.toString()),
        merge,
        patch: merge,
        all: async () => [],
        delete: async (peer: PeerId) => void this.#contacts.delete(peer.toString()),
      },
      registrar: {
        handle: async () => undefined,
        unhandle: async () => undefined,
        register: async (_: string, topology: Topology) => {
          this.#topology = topology
          return 'only'
        },
        unregister: () => undefined,
      },
      connectionManager: {
        isDialable: async () => true,
        openStream: async (peer: PeerId) => ({
          ...this.#lineTo(peer),
          close: async () => undefined,
          abort: () => undefined,
        }),
      },
      ping: {
        ping: async (peer: PeerId) => {
          this.#lineTo(peer)
          return 1
        },
      },
    }
    return parts as unknown as KadDHTComponents
  }
}

function nameOf(multihash: Uint8Array): string {
  return Buffer.from(multihash.buffer, multihash.byteOffset, multihash.byteLength).toString('latin1')
}
