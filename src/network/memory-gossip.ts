import { LimitExceededError } from '../core/errors.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { MemoryLinks } from './memory-links.ts'
import type { MemoryConnection } from './memory-stream.ts'
import { BROADCAST_BYTES_MAX, type MessageListener } from './network.ts'

interface Broadcast {
  topic: string
  bytes: Uint8Array
  from: PeerId
  seenBy: Set<PeerId>
}

/** What the gossip of one simulated node works with. */
export interface MemoryGossipParts {
  links: MemoryLinks
  self: PeerId
  neighbours: () => Iterable<MemoryConnection>
  /** Another node's gossip, while it lives. */
  gossipOf: (peer: PeerId) => MemoryGossip | undefined
}

/** Broadcasts of one node: each listener passes a message on to its neighbours, once. */
export class MemoryGossip {
  readonly #parts: MemoryGossipParts
  readonly #listeners = new Map<string, Set<MessageListener>>()

  constructor(parts: MemoryGossipParts) {
    this.#parts = parts
  }

  /** @throws LimitExceededError when longer than `BROADCAST_BYTES_MAX`. */
  async broadcast(topic: string, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > BROADCAST_BYTES_MAX) {
      throw new LimitExceededError({
        what: 'A broadcast',
        limit: BROADCAST_BYTES_MAX,
        actual: bytes.byteLength,
      })
    }
    const from = this.#parts.self
    this.#spread({ topic, bytes: Uint8Array.from(bytes), from, seenBy: new Set([from]) })
  }

  listen(topic: string, listener: MessageListener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => {
      listeners.delete(listener)
    }
  }

  /** Nobody here listens any more. */
  clear(): void {
    this.#listeners.clear()
  }

  #spread(message: Broadcast): void {
    const { links, self, neighbours, gossipOf } = this.#parts
    for (const connection of neighbours()) {
      const other = connection.other(self)
      const hops = connection.hopsFrom(self)
      if (message.seenBy.has(other) || links.losesMessage(hops)) continue
      const pass = (hear: (gossip: MemoryGossip) => void) =>
        links.send({
          hops,
          sizeBytes: message.bytes.byteLength,
          deliver: () => {
            const gossip = gossipOf(other)
            if (gossip !== undefined && connection.isOpen) hear(gossip)
          },
        })
      pass((gossip) => gossip.#hear(message))
      if (links.doublesMessage(self, other)) pass((gossip) => gossip.#tell(message))
    }
  }

  #hear(message: Broadcast): void {
    const { self } = this.#parts
    if (message.seenBy.has(self) || !this.#tell(message)) return
    message.seenBy.add(self)
    this.#spread(message)
  }

  /** False when nobody here listens: such a node does not pass the message on either. */
  #tell(message: Broadcast): boolean {
    const listeners = [...(this.#listeners.get(message.topic) ?? [])]
    for (const listener of listeners) listener(Uint8Array.from(message.bytes), message.from)
    return listeners.length > 0
  }
}
