import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { ConnectionKeeper } from '../connection-keeper.ts'
import { type DialTarget, parseAddress } from '../peer-address.ts'
import { findByDns, type ResolveTxt } from './dns.ts'

/** Domains are read again this often while nobody is connected, and after the second figure when somebody is. */
const DNS_RETRY_MS = 15_000
const DNS_RENEW_MS = 3_600_000

/** Offers the configured peers, and those that configured domains list, until `signal` aborts. */
export function startBootstrap(
  parts: {
    clock: Clock
    log: Logger
    keeper: ConnectionKeeper
    resolveTxt: ResolveTxt
    connectedCount: () => number
  },
  options: { bootstrap: readonly string[]; bootstrapDns: readonly string[] },
  signal: AbortSignal,
): void {
  const { clock, log, keeper } = parts
  const offer = ({ address, peer }: DialTarget) =>
    keeper.offer({ source: 'bootstrap', peer, addresses: [address] })
  const offerDomain = async (domain: string) => {
    for (const target of await findByDns(parts, domain, signal)) offer(target)
  }
  for (const entry of options.bootstrap) {
    const domain = /^\/dnsaddr\/([^/]+)/.exec(entry)?.[1]
    if (domain === undefined) offer(parseAddress(entry))
    else void watch(domain)
  }
  for (const domain of options.bootstrapDns) void watch(domain)

  async function watch(domain: string): Promise<void> {
    try {
      for (;;) {
        await offerDomain(domain).catch((error) => log.warn('DNS bootstrap failed', { domain, error }))
        await clock.sleep(DNS_RETRY_MS, signal)
        if (parts.connectedCount() > 0) await clock.sleep(DNS_RENEW_MS, signal)
      }
    } catch {
      // The network stops.
    }
  }
}
