import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Random } from '../core/random.ts'
import type { SigningKey } from '../core/signing-key.ts'
import type { AnsweringLoad } from './answering-load.ts'
import { BulkTransport } from './bulk/bulk-transport.ts'
import type { ConnectionGate } from './connection-gate.ts'
import type { ConnectionKeeper } from './connection-keeper.ts'
import { Dht } from './dht.ts'
import type { Relays } from './discovery/relays.ts'
import { type Libp2pHost, startLibp2pHost } from './libp2p-host.ts'
import type { Libp2pNetworkOptions } from './libp2p-options.ts'
import type { RequestHandler } from './network.ts'
import { reachOf } from './peer-address.ts'
import type { ConnectorHost, PeerConnector } from './peer-connector.ts'
import { PeerMemory } from './peer-memory.ts'

/** libp2p is given this long to stop, and its store to close; afterwards they are left to themselves. */
export const STOP_MS = 2_000
const STORE_CLOSE_MS = 500

/** What exists only while the network runs. */
export type RunningHost = Libp2pHost & ConnectorHost & { bulk: BulkTransport | undefined }

interface Parts {
  key: SigningKey
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  /** Absolute; the peer store lies in it. */
  folder: string
  gate: ConnectionGate
  keeper: ConnectionKeeper
  relays: Relays
  connector: PeerConnector
  /** What all requests of others together take of us. */
  load: AnsweringLoad
  handlerOf: (protocol: string) => RequestHandler | undefined
}

/**
 * Starts libp2p and puts what is ours around it; direct connections are let in when `bulk.start()` says so.
 * @throws PortTakenError, ListenFailedError
 */
export async function startRunningHost(parts: Parts, options: Libp2pNetworkOptions): Promise<RunningHost> {
  const { clock, metrics, log, connector, load, handlerOf, key } = parts
  const { memory, negotiations } = load
  const started = await startLibp2pHost({ ...parts, memory, negotiations }, options)
  const { host, dht, identity, door } = started
  const base = { host, clock, metrics }
  return {
    ...started,
    memory: new PeerMemory({ host, clock }),
    table: dht === undefined ? undefined : new Dht({ ...base, dht, log: log.named('dht'), connector }),
    bulk:
      door === undefined
        ? undefined
        : new BulkTransport({
            ...base,
            self: key.peerId,
            identity,
            door,
            log: log.named('bulk'),
            load,
            handlerOf,
          }),
    life: new AbortController(),
  }
}

/** Stops libp2p and closes its store, each within its time. */
export async function stopRunningHost(
  { host, close }: RunningHost,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<void> {
  const within = async (timeoutMs: number, what: string, work: () => unknown) => {
    const done = Promise.resolve()
      .then(work)
      .then(() => true)
    const ended = await Promise.race([done, clock.sleep(timeoutMs)]).catch((error) => {
      log.warn(`${what} did not stop cleanly`, { error })
    })
    if (ended !== true) log.warn(`${what} did not stop in time`)
    done.catch(() => {})
  }
  await within(STOP_MS, 'libp2p', () => host.stop())
  for (const connection of host.getConnections()) connection.abort(new Error('this node stops'))
  await within(STORE_CLOSE_MS, 'the peer store', () => close())
}

/** Who can be reached only through a relay should not be asked by everybody. */
export async function settleDhtMode({ host, table }: RunningHost): Promise<void> {
  const reaches = new Set(host.getMultiaddrs().map(reachOf))
  await table?.setMode(reaches.has(2) && !reaches.has(0) ? 'client' : 'server')
}
