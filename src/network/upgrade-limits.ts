/**
 * Bytes of a connection that wait to be read while it is agreed on encryption and multiplexing: names of protocols,
 * a few hundred. With libp2p's own limit, 4 MiB, the hundred connections that may be in upgrade would hold 400 MiB.
 */
export const UPGRADE_BYTES_MAX = 128 * 1024

type Upgrade = (connection: unknown, options?: object) => Promise<unknown>

/** The part of libp2p's upgrader that we reach into. */
export interface Upgrader {
  upgradeInbound: Upgrade
  upgradeOutbound: Upgrade
}

/** Ends connections on which more comes than an upgrade needs; whoever has been upgraded is not concerned. */
export function limitUpgrades(upgrader: Upgrader): void {
  for (const name of ['upgradeInbound', 'upgradeOutbound'] as const) {
    const upgrade = upgrader[name].bind(upgrader)
    // libp2p hands the options on to the reader of each negotiation.
    upgrader[name] = (connection, options) =>
      upgrade(connection, { ...options, maxBufferSize: UPGRADE_BYTES_MAX })
  }
}
