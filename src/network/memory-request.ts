import { AbortedError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { MemoryAnswers } from './memory-answers.ts'
import type { MemoryLinks } from './memory-links.ts'
import { type MemoryConnection, MemoryStream, type Send } from './memory-stream.ts'

/** Bytes a request costs besides its frames. */
const HEADER_BYTES = 64

/** What a request needs of the hub. */
interface Hub {
  readonly random: Random
  readonly links: MemoryLinks
  live(peer: PeerId): { answers: MemoryAnswers } | undefined
  closeConnection(connection: MemoryConnection): void
}

/** Opens the stream of one request; whoever has read enough hangs up. */
export function openMemoryRequest(
  hub: Hub,
  asked: { connection: MemoryConnection; self: PeerId; protocol: string; timeoutMs: number },
): { stream: MemoryStream; hangUp: () => void } {
  const { connection, self, protocol, timeoutMs } = asked
  const there = connection.other(self)
  const sendUp = sender(hub, connection, self)
  const sendDown = sender(hub, connection, there)
  const stream = new MemoryStream({ protocol, asker: self, sendUp, sendDown })
  connection.streams.add(stream)
  sendUp(HEADER_BYTES, () => {
    const node = hub.live(there)
    if (node !== undefined) void node.answers.answer(stream, connection.path, timeoutMs)
  })
  const hangUp = () => {
    connection.streams.delete(stream)
    stream.up.stopWriting()
    stream.down.cancel()
    if (stream.answered || !connection.isOpen) return
    sendUp(0, () => stream.stopAnswering(new AbortedError({ what: `The request ${protocol} of ${self}` })))
  }
  return { stream, hangUp }
}

/** Sends one way on a connection; a lost message now and then takes the connection with it. */
function sender(hub: Hub, connection: MemoryConnection, from: PeerId): Send {
  const hops = connection.hopsFrom(from)
  return (sizeBytes, deliver) => {
    if (!connection.isOpen) return
    if (hub.links.losesMessage(hops)) {
      if (hub.random.integer(2) === 0) hub.closeConnection(connection)
      return
    }
    hub.links.send({ hops, sizeBytes, deliver: () => connection.isOpen && deliver() })
  }
}
