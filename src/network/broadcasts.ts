import type { Message } from '@libp2p/gossipsub'
import { LimitExceededError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import type { PeerId } from '../core/signing-key.ts'
import { BROADCAST_BYTES_MAX, type MessageListener } from './network.ts'

/** The part of gossipsub that is used. */
export interface Gossip {
  publish(topic: string, bytes: Uint8Array): Promise<unknown>
  subscribe(topic: string): void
  unsubscribe(topic: string): void
}

/** Topics that somebody here listens to, over gossipsub. Listening may begin before the network does. */
export class Broadcasts {
  readonly #log: Logger
  readonly #listeners = new Map<string, Set<MessageListener>>()
  #gossip: Gossip | undefined

  constructor(parts: { log: Logger }) {
    this.#log = parts.log
  }

  /** The network runs now. */
  attach(gossip: Gossip): void {
    this.#gossip = gossip
    for (const topic of this.#listeners.keys()) gossip.subscribe(topic)
  }

  detach(): void {
    this.#gossip = undefined
  }

  async send(topic: string, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > BROADCAST_BYTES_MAX) {
      throw new LimitExceededError({
        what: 'A broadcast',
        limit: BROADCAST_BYTES_MAX,
        actual: bytes.byteLength,
      })
    }
    try {
      await this.#gossip?.publish(topic, Uint8Array.from(bytes))
    } catch (error) {
      // Only ever an accelerator: nobody fails because of it.
      this.#log.debug('broadcast not sent', { topic, error })
    }
  }

  listen(topic: string, listener: MessageListener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    if (listeners.size === 0) this.#gossip?.subscribe(topic)
    this.#listeners.set(topic, listeners.add(listener))
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#listeners.delete(topic)
      this.#gossip?.unsubscribe(topic)
    }
  }

  /** A message arrived; its signature was checked. */
  heard(message: Message): void {
    if (message.type !== 'signed' || message.data.byteLength > BROADCAST_BYTES_MAX) return
    for (const listener of [...(this.#listeners.get(message.topic) ?? [])]) {
      try {
        listener(Uint8Array.from(message.data), message.from.toString() as PeerId)
      } catch (error) {
        this.#log.warn('listener failed', { topic: message.topic, error })
      }
    }
  }
}
