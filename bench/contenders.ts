import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Something that Kizuna is measured against, or Kizuna itself. */
export interface Contender {
  name: string
  /** Command line of its program, without the role. */
  command: readonly string[]
  /** What the receiver, or the one who takes a file in, is asked to do. */
  role: string
  /** Why it cannot take part on this machine. */
  missing?: () => string | undefined
}

const node = (file: string) => [process.execPath, '--max-semi-space-size=16', programOf(file)]
const python = '/usr/bin/python3'
const rasterbar = [python, programOf('rasterbar.py')]

function programOf(file: string): string {
  return fileURLToPath(new URL(`contenders/${file}`, import.meta.url))
}

function notInstalled(): string | undefined {
  const installed = existsSync(new URL('node_modules/webtorrent', import.meta.url))
  return installed ? undefined : 'not installed: npm --prefix bench install'
}

function noLibtorrent(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import libtorrent'])
  return status === 0 ? undefined : 'not installed: Debian’s python3-libtorrent'
}

/** One source, one receiver: the file verified and stored at the end, except with TLS alone. */
export const transferContenders: readonly Contender[] = [
  { name: 'Kizuna', command: node('kizuna.ts'), role: 'fetch' },
  { name: 'Kizuna, libp2p streams only', command: node('kizuna.ts'), role: 'fetch-libp2p' },
  { name: 'Node TLS, onread, not stored', command: node('node-tls.ts'), role: 'fetch' },
  { name: 'Node TLS + SHA-256, one thread, not stored', command: node('node-tls.ts'), role: 'fetch-hashed' },
  { name: 'js-libp2p stream, stock TLS', command: node('libp2p.ts'), role: 'fetch', missing: notInstalled },
  { name: 'libtorrent, unencrypted', command: rasterbar, role: 'fetch', missing: noLibtorrent },
  { name: 'WebTorrent', command: node('webtorrent.ts'), role: 'fetch', missing: notInstalled },
  { name: 'Helia bitswap', command: node('helia.ts'), role: 'fetch', missing: notInstalled },
]

/** Taking a file in, so that it can be served. */
export const publishContenders: readonly Contender[] = [
  { name: 'Kizuna', command: node('kizuna.ts'), role: 'publish' },
  { name: 'Kizuna, 10+4 parity', command: node('kizuna.ts'), role: 'parity' },
  { name: 'SHA-256 alone', command: node('sha256.ts'), role: 'publish' },
  { name: 'libtorrent, piece hashes only', command: rasterbar, role: 'publish', missing: noLibtorrent },
  { name: 'WebTorrent', command: node('webtorrent.ts'), role: 'publish', missing: notInstalled },
  { name: 'Helia', command: node('helia.ts'), role: 'publish', missing: notInstalled },
]
