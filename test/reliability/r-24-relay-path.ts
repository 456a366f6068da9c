/**
 * Two homes behind routers that let nothing in; the only way between them are public relays. A file goes from one
 * to the other while the relay that carries it is killed again and again, and comes back as another takes over. Every
 * byte that the reader receives is counted: what came before a loss must not come again.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KizunaProcess, launchKizuna } from '../fixtures/kizuna-process.ts'
import { type LabHost, NetworkLab, networkLabRefusal } from '../fixtures/network-lab.ts'
import { sha256OfFile, writeSampleFile } from '../fixtures/sample-file.ts'
import { waitUntil } from '../fixtures/wait-until.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const MIB = 1024 ** 2
/** `perSecond` slows the reader down, so that a loss falls into the middle of a small file. */
const SCALES = {
  gate: { sizeMib: 64, losses: 1, perSecondMib: 8 },
  night: { sizeMib: 256, losses: 3, perSecondMib: 16 },
  release: { sizeMib: 1_024, losses: 3, perSecondMib: 64 },
}
const SENT_AGAIN_MAX = 0.01
const FLAGS = ['--port', '4001', '--no-mdns']
const RELAYS = ['11.0.0.1', '12.0.0.1']
const GET_TIMEOUT_MS = 900_000

export const check: ReliabilityCheck = {
  row: 'R-24',
  title: 'a transfer through relays that die',
  goal: '1 GiB complete across ≥ 3 relay losses, ≤ 1 % of the bytes sent again (gate: 64 MiB, 1 loss)',
  alone: true,
  missing: networkLabRefusal,
  run,
}

async function run(options: ReliabilityOptions) {
  const { sizeMib, losses, perSecondMib } = SCALES[options.scale]
  const folder = await mkdtemp(join(tmpdir(), 'kizuna-r24-'))
  using lab = new NetworkLab('kzr')
  await using homes = new Homes(lab, folder)
  try {
    await homes.start(perSecondMib * MIB)
    options.progress('two relays and two homes are together')
    const source = join(folder, 'source.bin')
    const output = join(folder, 'output.bin')
    const sha256 = await writeSampleFile(source, sizeMib * MIB, options.seed)
    const shared = await homes.node('a').json('share', source, '--copies', '1')
    const before = await homes.received()
    const get = launchKizuna(homes.node('e').place, ['get', String(shared.id), '--output', output])
    const exit = new Promise<number | null>((resolve) => get.once('exit', resolve))
    let done = 0
    for (; done < losses && get.exitCode === null; done++) {
      const part = ((done + 1) / (losses + 1)) * sizeMib * MIB
      await waitUntil(
        'enough of it is there',
        GET_TIMEOUT_MS,
        async () => get.exitCode !== null || (await homes.received()) - before > part,
        100,
      )
      options.signal.throwIfAborted()
      if (get.exitCode === null) await homes.loseRelay()
      options.progress(`relay loss ${done + 1} of ${losses}`)
    }
    const code = await exit
    const received = (await homes.received()) - before
    const again = Math.max(received / (sizeMib * MIB) - 1, 0)
    const failures: string[] = []
    if (code !== 0) failures.push(`the get ended with ${code}`)
    else if ((await sha256OfFile(output)) !== sha256) failures.push('the file is not the same')
    if (done < losses) failures.push(`it was there after ${done} losses`)
    if (again > SENT_AGAIN_MAX) failures.push(`${(again * 100).toFixed(2)} % of the bytes came again`)
    const figure = `${sizeMib} MiB across ${done} relay losses, ${(again * 100).toFixed(2)} % more bytes than the file has`
    return { figure, reached: failures.length === 0, failures }
  } finally {
    await homes[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Two public relays, and one node in each of two homes. */
class Homes implements AsyncDisposable {
  readonly #lab: NetworkLab
  readonly #folder: string
  readonly #nodes = new Map<string, KizunaProcess>()
  readonly #flagsOf = new Map<string, readonly string[]>()

  constructor(lab: NetworkLab, folder: string) {
    this.#lab = lab
    this.#folder = folder
  }

  async start(perSecondBytes: number): Promise<void> {
    const storesNothing = [...FLAGS, '--storage-for-others-bytes-max', '0']
    const hosts = RELAYS.map((address, index) => this.#lab.publicHost(`r${index}`, address))
    await this.#start('r0', hosts[0] as LabHost, storesNothing)
    const first = ['--bootstrap', this.#addressOf('r0')]
    await this.#start('r1', hosts[1] as LabHost, [...storesNothing, ...first])
    const known = [...first, '--bootstrap', this.#addressOf('r1')]
    const left = this.#lab.home('h1', '13.0.0.1').host('a')
    const right = this.#lab.home('h2', '14.0.0.1').host('e')
    await this.#start('a', left, [...FLAGS, ...known])
    const limit = ['--download-bytes-per-second-max', String(perSecondBytes)]
    await this.#start('e', right, [...storesNothing, ...limit, ...known])
    await waitUntil('all are members of one space', 60_000, async () => {
      const statuses = await Promise.all([...this.#nodes.values()].map((each) => each.json('status')))
      return statuses.every(({ members }) => members === 4)
    })
    await this.#bothRelaysServe()
  }

  node(name: string): KizunaProcess {
    const found = this.#nodes.get(name)
    if (found === undefined) throw new Error(`There is no node ${name}.`)
    return found
  }

  /** Bytes of answers and requests that the reader received so far. */
  async received(): Promise<number> {
    const { place, ready } = this.node('e')
    const script = `fetch('${ready.api}/metrics', { headers: { authorization: 'Bearer ${ready.token}' } }).then((r) => r.text()).then(console.log)`
    const [command = '', ...words] = [...(place.prefix ?? []), process.execPath, '-e', script]
    const { stdout } = await promisify(execFile)(command, words)
    return Number(/^kizuna_network_bytes_total\{[^}]*direction="in"[^}]*\} (\S+)/m.exec(stdout)?.[1] ?? 0)
  }

  /** Kills the relay that carries the bytes, and starts it again when the other has taken over. */
  async loseRelay(): Promise<void> {
    const { peers } = (await this.node('e').json('peers')) as { peers: { peer: string; address: string }[] }
    const way = peers.find(({ peer }) => peer === this.node('a').peerId)?.address ?? ''
    const name = way.includes(this.node('r1').peerId) ? 'r1' : 'r0'
    const { place } = this.node(name)
    await this.node(name).kill()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    this.#nodes.set(name, await KizunaProcess.start(place, this.#flagsOf.get(name)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const nodes = [...this.#nodes.values()]
    this.#nodes.clear()
    await Promise.all(nodes.map((each) => each.kill()))
  }

  async #bothRelaysServe(): Promise<void> {
    for (const name of ['a', 'e']) {
      await waitUntil(`${name} can be reached through both relays`, 60_000, async () => {
        const { addresses } = (await this.node(name).json('status')) as { addresses: string[] }
        const relays = addresses.flatMap((address) => /p2p\/(\w+)\/p2p-circuit/.exec(address)?.[1] ?? [])
        return new Set(relays).size === RELAYS.length
      })
    }
  }

  async #start(name: string, host: LabHost, flags: readonly string[]): Promise<void> {
    this.#flagsOf.set(name, flags)
    const place = { home: join(this.#folder, name), prefix: host.prefix }
    this.#nodes.set(name, await KizunaProcess.start(place, flags))
  }

  #addressOf(name: string): string {
    const { addresses } = this.node(name).ready
    const found = addresses.find((each) =>
      RELAYS.some((address) => each.startsWith(`/ip4/${address}/tcp/4001/`)),
    )
    if (found === undefined) throw new Error(`${name} announces only ${addresses.join(' ')}`)
    return found
  }
}
