import type { TLSSocket } from 'node:tls'

/**
 * Waits for the end of a handshake; nothing is read meanwhile. The caller listens to errors too, for those that come
 * later. A server that refuses our certificate says so only
 * afterwards: what is closed right after this was a refusal.
 * @throws what went wrong, or the signal's reason.
 */
export async function handshakeOf(socket: TLSSocket, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const closed = () => reject(new Error('the connection closed during the TLS handshake'))
  const stop = () => reject(signal?.reason ?? new Error('the TLS handshake took too long'))
  // Both ends emit 'secure'. A server's socket tells of late errors as '_tlsError' and of nothing else.
  socket.once('secure', resolve)
  socket.on('error', reject)
  socket.on('_tlsError', reject)
  socket.on('close', closed)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    signal?.throwIfAborted()
    await promise
  } finally {
    socket.off('secure', resolve)
    socket.off('error', reject)
    socket.off('_tlsError', reject)
    socket.off('close', closed)
    signal?.removeEventListener('abort', stop)
  }
}
