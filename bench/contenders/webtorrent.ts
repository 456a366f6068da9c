/** WebTorrent between two of its own processes over TCP, without trackers and DHT. */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import WebTorrent from 'webtorrent'
import { endWithTheBenchmark, say, timed, wordsOf } from './contender-program.ts'

const roles: Record<string, () => Promise<void>> = { seed, fetch, publish }
endWithTheBenchmark()
await roles[process.argv[2] ?? '']?.()

function client() {
  return new WebTorrent({ dht: false, tracker: false, lsd: false, utp: false, natUpnp: false, natPmp: false })
}

async function seed(): Promise<void> {
  const [file = '', folder = ''] = wordsOf(2)
  const here = client()
  const torrent = await new Promise<{ torrentFile: Uint8Array }>((resolve) => {
    here.seed(file, { announceList: [] }, resolve)
  })
  const path = join(folder, 'file.torrent')
  writeFileSync(path, torrent.torrentFile)
  say({ where: `${path}@${here.torrentPort}` })
}

async function fetch(): Promise<void> {
  const [where = '', output = ''] = wordsOf(3)
  const [path = '', port = ''] = where.split('@')
  const here = client()
  await timed(
    () =>
      new Promise((resolve) => {
        const torrent = here.add(path, { path: dirname(output), announce: [] })
        torrent.on('infoHash', () => torrent.addPeer(`127.0.0.1:${port}`))
        torrent.on('done', () => resolve())
      }),
  )
}

async function publish(): Promise<void> {
  const [file = ''] = wordsOf(2)
  const here = client()
  await timed(() => new Promise((resolve) => here.seed(file, { announceList: [] }, () => resolve())))
}
