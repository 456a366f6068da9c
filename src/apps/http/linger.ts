import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../core/clock.ts'

/** What a refused sender still sends is taken and thrown away for so long. */
const LINGER_MS = 2_000

/**
 * Lets the connection of a request whose body nobody will read end in an orderly way once its answer is out: closing it
 * with bytes unread resets it, and a sender in the midst of sending would lose the answer that says why (RFC 9112 §9.6).
 */
export function lingerBeforeClosing(request: IncomingMessage, clock: Clock): void {
  const { socket } = request
  // What Node's server calls when the last answer of a connection is out.
  socket.destroySoon = () => {
    socket.end()
    request.resume()
    const timer = clock.after(LINGER_MS, () => socket.destroy())
    socket.once('close', () => timer.stop())
  }
}
