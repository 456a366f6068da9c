import { type Startable, start, stop } from '@libp2p/interface'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'

/** How long after the start a router is looked for; by then the node serves. */
const LOOKS_AFTER_MS = 1_000

type UpnpComponents = Parameters<ReturnType<typeof import('@libp2p/upnp-nat').uPnPNAT>>[0]

/**
 * The library's port mapping, loaded when the node runs already: what it brings along to talk to routers takes a
 * tenth of the time until a node is ready.
 */
export function lateUpnp(parts: { clock: Clock; log: Logger }): (components: UpnpComponents) => Startable {
  return (components) => new LateUpnp(parts, components)
}

class LateUpnp implements Startable {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #components: UpnpComponents
  #stopped = new AbortController()
  #running: Promise<unknown> | undefined

  constructor(parts: { clock: Clock; log: Logger }, components: UpnpComponents) {
    this.#log = parts.log
    this.#clock = parts.clock
    this.#components = components
  }

  start(): void {
    this.#stopped = new AbortController()
    this.#running = this.#begin(this.#stopped.signal).catch((error) => {
      if (!this.#stopped.signal.aborted) this.#log.debug('no port mapping', { error })
      return undefined
    })
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await stop(await this.#running)
  }

  async #begin(signal: AbortSignal): Promise<unknown> {
    await this.#clock.sleep(LOOKS_AFTER_MS, signal)
    const { uPnPNAT } = await import('@libp2p/upnp-nat')
    if (signal.aborted) return undefined
    const upnp = uPnPNAT()(this.#components)
    await start(upnp)
    return upnp
  }
}
