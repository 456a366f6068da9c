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
  /** Where the bytes are when a transfer ends; a file that is the store is served to others from there. */
  endsIn?: 'nothing' | 'a file' | 'a file that is the store' | 'the store' | 'the store and a file'
  /** Why it cannot take part on this machine. */
  missing?: () => string | undefined
}

const node = (file: string) => [process.execPath, '--max-semi-space-size=16', programOf(file)]
const python = '/usr/bin/python3'
const rasterbar = [python, programOf('rasterbar.py')]

function programOf(file: string): string {
  return fileURLToPath(new URL(`contenders/${file}`, import.meta.url))
}

function unless(installed: string): () => string | undefined {
  const path = new URL(`node_modules/${installed}`, import.meta.url)
  return () => (existsSync(path) ? undefined : 'not installed: npm --prefix bench install')
}

function noLibtorrent(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import libtorrent'])
  return status === 0 ? undefined : 'not installed: Debian’s python3-libtorrent'
}

const kizuna = node('kizuna.ts')
const tls = node('node-tls.ts')

/** One source, one receiver: the file verified and stored at the end, except with TLS alone. */
export const transferContenders: readonly Contender[] = [
  { name: 'Kizuna', command: kizuna, role: 'fetch', endsIn: 'the store and a file' },
  { name: 'Kizuna, kept', command: kizuna, role: 'keep', endsIn: 'the store' },
  {
    name: 'Kizuna, libp2p streams only',
    command: kizuna,
    role: 'fetch-libp2p',
    endsIn: 'the store and a file',
  },
  { name: 'Kizuna, kept, libp2p streams only', command: kizuna, role: 'keep-libp2p', endsIn: 'the store' },
  { name: 'Node TLS, onread, not stored', command: tls, role: 'fetch', endsIn: 'nothing' },
  {
    name: 'Node TLS + SHA-256, one thread, not stored',
    command: tls,
    role: 'fetch-hashed',
    endsIn: 'nothing',
  },
  { name: 'js-libp2p stream, stock TLS', command: node('libp2p.ts'), role: 'fetch', endsIn: 'a file' },
  {
    name: 'libtorrent, unencrypted',
    command: rasterbar,
    role: 'fetch',
    missing: noLibtorrent,
    endsIn: 'a file that is the store',
  },
  {
    name: 'WebTorrent',
    command: node('webtorrent.ts'),
    role: 'fetch',
    missing: unless('webtorrent'),
    endsIn: 'a file that is the store',
  },
  {
    name: 'iroh',
    command: node('iroh.ts'),
    role: 'keep',
    missing: unless('@number0/iroh'),
    endsIn: 'the store',
  },
  {
    name: 'Helia bitswap',
    command: node('helia.ts'),
    role: 'fetch',
    missing: unless('helia'),
    endsIn: 'the store and a file',
  },
]

/** Taking a file in, so that it can be served. */
export const publishContenders: readonly Contender[] = [
  { name: 'Kizuna', command: kizuna, role: 'publish' },
  { name: 'Kizuna, chunks of 1 MiB', command: kizuna, role: 'publish-1m' },
  { name: 'Kizuna, chunks of 1 MiB, 10+4 parity', command: kizuna, role: 'parity-1m' },
  { name: 'SHA-256 alone', command: node('sha256.ts'), role: 'publish' },
  { name: 'libtorrent, piece hashes only', command: rasterbar, role: 'publish', missing: noLibtorrent },
  {
    name: 'WebTorrent',
    command: node('webtorrent.ts'),
    role: 'publish',
    missing: unless('webtorrent'),
  },
  { name: 'iroh', command: node('iroh.ts'), role: 'publish', missing: unless('@number0/iroh') },
  { name: 'Helia', command: node('helia.ts'), role: 'publish', missing: unless('helia') },
]
