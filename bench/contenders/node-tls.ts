/**
 * Node's TLS by itself, the machine's limit. `fetch` reads into one kept buffer (`onread`) and drops what it read;
 * `fetch-hashed` takes the usual `data` events and hashes them in the same thread.
 */

import { spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'
import { sendFile } from './send-file.ts'

const READ_BYTES = 1024 * 1024

const roles: Record<string, () => Promise<void>> = {
  seed,
  fetch: () => fetch(false),
  'fetch-hashed': () => fetch(true),
}
endWithTheBenchmark()
await roles[process.argv[2] ?? '']?.()

async function seed(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const server = createServer({ ...certificate(folder), minVersion: 'TLSv1.3', noDelay: true }, (socket) => {
    socket.once('data', () => {
      sendFile(file, socket).catch((error) => socket.destroy(error))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  say({ where: typeof address === 'object' ? address?.port : address })
}

async function fetch(hashed: boolean): Promise<void> {
  const [port = ''] = wordsOf(3)
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const onread = { buffer, callback: () => true }
  const socket = connect({
    port: Number(port),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(hashed ? {} : { onread }),
  })
  await once(socket, 'secureConnect')
  await timed(async () => {
    const hash = createHash('sha256')
    if (hashed) socket.on('data', (bytes) => hash.update(bytes))
    else socket.resume()
    socket.write('go')
    await once(socket, 'end')
    hash.digest()
  })
  socket.destroy()
}

/** A self-signed certificate; OpenSSL makes it, since Node cannot. */
function certificate(folder: string): { key: string; cert: string } {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const keyFile = join(folder, 'key.pem')
  writeFileSync(keyFile, privateKey)
  const words = ['req', '-x509', '-key', keyFile, '-subj', '/CN=bench', '-days', '2']
  const { status, stdout, stderr } = spawnSync('openssl', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`)
  return { key: privateKey, cert: stdout }
}
