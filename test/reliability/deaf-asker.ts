import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { encodeFrame } from '../../src/network/frame-stream.ts'

const FRAMES = 16
const FRAME_BYTES = 60 * 1024

/**
 * An unmodified libp2p host that asks and does not listen. Our own hosts would read ahead and let their window grow,
 * and so take what is to lie at the other end.
 */
export async function startDeafAsker(address: string) {
  const host = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  const connection = await host.dial(multiaddr(address))
  return {
    /** Sends nearly a MiB that is to come back, and reads none of it; ends when the other end has had enough. */
    async ask(protocol: string): Promise<void> {
      const stream = await connection.newStream(protocol)
      stream.pause()
      const closed = new Promise<void>((resolve) => {
        stream.addEventListener('close', () => resolve(), { once: true })
      })
      for (let index = 1; index <= FRAMES && stream.writeStatus === 'writable'; index++) {
        stream.send(encodeFrame(index === FRAMES ? 'last' : 'more', new Uint8Array(FRAME_BYTES)))
      }
      await closed
    },
  }
}
