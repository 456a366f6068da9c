import type { OnReadOpts } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Clock } from '../../core/clock.ts'
import type { PeerId } from '../../core/signing-key.ts'
import { handshakeOf } from '../native-tls/tls-handshake.ts'
import type { TlsIdentity } from '../native-tls/tls-identity.ts'
import { BULK_HEADER_BYTES, BULK_PROTOCOL } from './bulk-frame.ts'

/** Addresses of one peer that are tried, one after the other, and how long each. */
const ADDRESSES_MAX = 3
const DIAL_MS = 3_000

/** Where a TCP listener is. */
export interface BulkAddress {
  host: string
  port: number
}

/** Takes the bytes that are read on a direct connection: where they go, and how many came. */
export interface ByteTaker {
  room(): Uint8Array
  filled(count: number): void
}

/** A direct connection after its handshake. Nothing is read before `start` says where to. */
export interface DialledSocket {
  socket: TLSSocket
  start: (taker: ByteTaker) => void
}

/**
 * Dials a peer directly and checks that it is that peer.
 * @throws what went wrong at the last address.
 */
export async function dialBulk(
  parts: { clock: Clock; identity: TlsIdentity },
  input: { peer: PeerId; addresses: readonly BulkAddress[]; signal: AbortSignal },
): Promise<DialledSocket> {
  let failure: unknown = new Error('no address')
  for (const address of input.addresses.slice(0, ADDRESSES_MAX)) {
    input.signal.throwIfAborted()
    try {
      return await dialOne(parts, address, input)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

async function dialOne(
  { clock, identity }: { clock: Clock; identity: TlsIdentity },
  { host, port }: BulkAddress,
  { peer, signal }: { peer: PeerId; signal: AbortSignal },
): Promise<DialledSocket> {
  const secureContext = await identity.context()
  let taker: ByteTaker | undefined
  // A server says one empty frame before it is asked, and nobody is asked before we know who it is.
  const early = Buffer.alloc(BULK_HEADER_BYTES + 1)
  let earlyBytes = 0
  let pouredBytes = 0
  /** Node asks for the next buffer after a read, not before: the first one after `start` still goes here. */
  let isEarly = true
  const pour = (reader: ByteTaker) => {
    while (pouredBytes < earlyBytes) {
      const room = reader.room()
      const bytes = early.subarray(pouredBytes, Math.min(pouredBytes + room.byteLength, earlyBytes))
      room.set(bytes)
      pouredBytes += bytes.byteLength
      reader.filled(bytes.byteLength)
    }
  }
  const options: ConnectionOptions & { onread: OnReadOpts; noDelay: boolean } = {
    host,
    port,
    secureContext,
    ALPNProtocols: [BULK_PROTOCOL],
    rejectUnauthorized: false,
    noDelay: true,
    // Decrypted bytes go straight to where they belong, without a buffer for each record.
    onread: {
      buffer: () => {
        isEarly = taker === undefined
        return taker?.room() ?? early.subarray(earlyBytes)
      },
      callback: (count) => {
        if (!isEarly) {
          taker?.filled(count)
          return true
        }
        earlyBytes += count
        if (taker !== undefined) pour(taker)
        else if (earlyBytes > BULK_HEADER_BYTES) socket.destroy()
        // No more is read for who is gone.
        return !socket.destroyed
      },
    },
  }
  const socket = connect(options)
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure ??= error
  })
  try {
    await handshakeOf(socket, clock.deadline(DIAL_MS, signal))
    await identity.peerOf(socket, peerIdFromString(peer))
    if (failure !== undefined || socket.destroyed) throw failure ?? new Error('closed after the handshake')
    if (socket.alpnProtocol !== BULK_PROTOCOL) throw new Error('it speaks something else there')
  } catch (error) {
    socket.destroy()
    throw error
  }
  return {
    socket,
    start: (reader) => {
      taker = reader
      pour(reader)
      // Without it the end of the connection would not be seen.
      socket.resume()
    },
  }
}
