/**
 * The product's main job with real processes on networks of their own: five nodes, each on a host with its own
 * address, two joined by invite and two by bootstrap address. A shares a file; A and one more holder are killed;
 * E gets identical bytes. Then once more with E's `get`, and E itself, killed half-way.
 *
 * KIZUNA_TEST_MIB makes the file smaller while developing.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { KizunaProcess, launchKizuna } from '../fixtures/kizuna-process.ts'
import { NetworkLab, networkLabRefusal } from '../fixtures/network-lab.ts'
import { sha256OfFile, writeSampleFile } from '../fixtures/sample-file.ts'
import { SLOW_LOOK_MS, waitUntil } from '../fixtures/wait-until.ts'

const MIB = 1024 ** 2
const SIZE_BYTES = Number(process.env.KIZUNA_TEST_MIB ?? 1024) * MIB
const FLAGS = ['--port', '4001', '--no-mdns']

const refusal = networkLabRefusal()
const skip = refusal === undefined ? {} : { skip: `NOT TESTED: ${refusal}` }

let lab: NetworkLab
let folder: string
const nodes = new Map<string, KizunaProcess>()

before(async () => {
  if (refusal !== undefined) return
  lab = new NetworkLab('kzm')
  folder = mkdtempSync(join(tmpdir(), 'kizuna-main-'))
  const hosts = ['a', 'b', 'c', 'd', 'e'].map((name, index) => lab.publicHost(name, `${11 + index}.0.0.1`))
  for (const host of hosts) {
    const place = { home: join(folder, host.name), prefix: host.prefix }
    const bootstrap = ['d', 'e'].includes(host.name) ? ['--bootstrap', addressOf('a')] : []
    nodes.set(host.name, await KizunaProcess.start(place, [...flagsOf(host.name), ...bootstrap]))
  }
  const { link } = await node('a').json('invite')
  await node('b').json('join', String(link))
  await node('c').json('join', String(link))
  await waitUntil('all five are members of one space and connected', 30_000, async () => {
    const statuses = await Promise.all([...nodes.values()].map((each) => each.json('status')))
    return statuses.every((status) => status.members === 5 && status.connectedPeers === 4)
  })
})

after(async () => {
  if (refusal !== undefined) return
  await Promise.all([...nodes.values()].map((each) => each.kill()))
  lab[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

test(
  'a file of 1 GiB comes back identical after its publisher and another holder were killed [K-34] [K-38] [K-52] [K-53] [K-85] [B-22] [B-48] [B-52] [S-20] [S-21] [S-29] [S-30] [S-42] [B-73]',
  skip,
  async () => {
    const source = join(folder, 'source.bin')
    const sha256 = await writeSampleFile(source, SIZE_BYTES, 1)
    const shared = await node('a').json('share', source, '--copies', '3')
    assert.equal(shared.sizeBytes, SIZE_BYTES)
    assert.equal(shared.copies, 3)

    await placedEverywhere(String(shared.id))
    await Promise.all([node('a').kill(), node('b').kill()])

    const output = join(folder, 'first.bin')
    await node('e').json('get', String(shared.id), '--output', output)
    assert.equal(await sha256OfFile(output), sha256)
  },
)

test(
  'a get that was killed half-way, with its node, goes on from where it stopped [K-25] [K-49] [K-50] [B-34]',
  skip,
  async () => {
    await restart('a')
    for (const name of ['b', 'c', 'd']) await restart(name)
    const source = join(folder, 'second-source.bin')
    const sha256 = await writeSampleFile(source, SIZE_BYTES, 2)
    const shared = await node('a').json('share', source, '--copies', '3')
    const id = String(shared.id)
    await placedEverywhere(id)
    await Promise.all([node('a').kill(), node('c').kill()])

    const output = join(folder, 'second.bin')
    const e = node('e')
    const receivedBefore = Number((await e.json('status')).receivedBytes)
    const get = launchKizuna(e.place, ['get', id, '--output', output])
    const gone = new Promise((resolve) => get.once('exit', resolve))
    await waitUntil(
      'half of it is there',
      120_000,
      async () => {
        const status = await e.json('status')
        return Number(status.receivedBytes) - receivedBefore > SIZE_BYTES / 2 || get.exitCode !== null
      },
      SLOW_LOOK_MS,
    )
    assert.equal(get.exitCode, null, 'the get was still running when it was killed')
    get.kill('SIGKILL')
    await gone
    await e.kill()
    assert.ok(!existsSync(output), 'nothing half-written stands under the final name')

    await restart('e')
    await node('e').json('get', id, '--output', output)
    assert.equal(await sha256OfFile(output), sha256)
    const { receivedBytes } = await node('e').json('status')
    assert.ok(Number(receivedBytes) < SIZE_BYTES * 0.75, `fetched ${receivedBytes} bytes again`)
  },
)

/** E only reads, so that all it has at the end came from others by its own `get`. */
function flagsOf(name: string): string[] {
  return name === 'e' ? [...FLAGS, '--storage-for-others-bytes-max', '0'] : FLAGS
}

function node(name: string): KizunaProcess {
  const found = nodes.get(name)
  if (found === undefined) throw new Error(`There is no node ${name}.`)
  return found
}

/** The address under which the other hosts can dial a node. */
function addressOf(name: string): string {
  const address = node(name).ready.addresses.find((each) => /^\/ip4\/1[1-5]\.0\.0\.1\/tcp\/4001\//.test(each))
  if (address === undefined) throw new Error(`${name} announces only ${node(name).ready.addresses.join(' ')}`)
  return address
}

async function restart(name: string): Promise<void> {
  const old = node(name)
  await old.stop()
  nodes.set(name, await KizunaProcess.start(old.place, flagsOf(name)))
  assert.equal(node(name).peerId, old.peerId)
  await waitUntil(`${name} found its peers again`, 30_000, async () => {
    const status = await node(name).json('status')
    return Number(status.connectedPeers) > 0
  })
}

/** Waits until E knows of three copies of every chunk, and of a copy with each of the other nodes. */
async function placedEverywhere(id: string): Promise<void> {
  await waitUntil('E knows of three copies', 60_000, async () => {
    const described = await node('e').json('describe', id)
    return Number(described.confirmed) >= 3
  })
}
