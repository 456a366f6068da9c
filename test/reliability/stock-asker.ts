import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { drained, encodeFrame } from '../../src/network/frame-stream.ts'

const FRAMES = 16
const FRAME_BYTES = 60 * 1024
const SIGNAL = AbortSignal.timeout(24 * 3_600_000)

/**
 * An unmodified libp2p host that asks for an echo of nearly a MiB. Our own hosts would read ahead and let their window
 * grow, and so take what is to lie at the other end; and they would not come by Noise.
 */
export async function startStockAsker(address: string) {
  const host = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  const connection = await host.dial(multiaddr(address))
  return {
    /** Sends it and reads it back. */
    async echo(protocol: string): Promise<void> {
      const stream = await connection.newStream(protocol)
      let left = FRAMES * FRAME_BYTES
      const answered = new Promise<void>((resolve, reject) => {
        stream.addEventListener('message', ({ data }) => {
          left -= data.byteLength
          if (left <= 0) resolve()
        })
        stream.addEventListener('close', () => reject(new Error('the echo was broken off')), { once: true })
      })
      for (let index = 1; index <= FRAMES; index++) {
        stream.send(echoFrame(index))
        await drained(stream, SIGNAL)
      }
      await answered
      await stream.close()
    },
    /** Sends it and reads none of it; ends when the other end has had enough. */
    async askDeafly(protocol: string): Promise<void> {
      const stream = await connection.newStream(protocol)
      stream.pause()
      const closed = new Promise<void>((resolve) => {
        stream.addEventListener('close', () => resolve(), { once: true })
      })
      for (let index = 1; index <= FRAMES && stream.writeStatus === 'writable'; index++) {
        stream.send(echoFrame(index))
      }
      await closed
    },
    stop: () => host.stop(),
  }
}

function echoFrame(index: number): Uint8Array {
  return encodeFrame(index === FRAMES ? 'last' : 'more', new Uint8Array(FRAME_BYTES))
}
