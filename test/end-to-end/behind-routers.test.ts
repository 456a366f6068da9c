/**
 * Two homes behind routers that let nothing in, and two public relays that store nothing for others. A file shared
 * in one home is fetched in the other; its publisher is gone, so the bytes come from another member of the first
 * home, through a relay that is killed half-way; the transfer goes on through the second relay.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
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
  lab = new NetworkLab('kzh')
  folder = mkdtempSync(join(tmpdir(), 'kizuna-home-'))
  // The relays and the reader store nothing for others: every byte the reader gets comes from the other home.
  const relayFlags = [...FLAGS, '--storage-for-others-bytes-max', '0']
  const relay1 = lab.publicHost('r1', '11.0.0.1')
  const relay2 = lab.publicHost('r2', '12.0.0.1')
  await start('r1', relay1.prefix, relayFlags)
  await start('r2', relay2.prefix, [...relayFlags, '--bootstrap', addressOf('r1')])
  const known = ['--bootstrap', addressOf('r1'), '--bootstrap', addressOf('r2')]
  const home1 = lab.home('h1', '13.0.0.1')
  const home2 = lab.home('h2', '14.0.0.1')
  await start('a', home1.host('a').prefix, [...FLAGS, ...known])
  await start('b', home1.host('b').prefix, [...FLAGS, ...known])
  await start('e', home2.host('e').prefix, [...relayFlags, ...known])
  await waitUntil('all five are members of one space', 60_000, async () => {
    const statuses = await Promise.all([...nodes.values()].map((each) => each.json('status')))
    return statuses.every((status) => status.members === 5)
  })
  for (const name of ['a', 'b', 'e']) {
    await waitUntil(`${name} can be reached through both relays`, 60_000, async () => {
      const { addresses } = (await node(name).json('status')) as { addresses: string[] }
      const relays = new Set(
        addresses.flatMap((address) => /p2p\/(\w+)\/p2p-circuit/.exec(address)?.[1] ?? []),
      )
      return relays.size === 2
    })
  }
})

after(async () => {
  if (refusal !== undefined) return
  await Promise.all([...nodes.values()].map((each) => each.kill()))
  lab[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

test(
  'a file crosses two home routers through a relay that dies half-way [B-66] [B-14] [B-18] [B-48]',
  skip,
  async () => {
    const source = join(folder, 'source.bin')
    const sha256 = await writeSampleFile(source, SIZE_BYTES, 3)
    const shared = await node('a').json('share', source, '--copies', '2')
    assert.equal(shared.copies, 2)
    const id = String(shared.id)
    await waitUntil('the other home knows the thing', 60_000, async () => {
      const described = await node('e').json('describe', id)
      return (described.holders as string[]).includes(node('b').peerId)
    })
    await node('a').kill()

    const output = join(folder, 'output.bin')
    const e = node('e')
    const get = launchKizuna(e.place, ['get', id, '--output', output, '--json'])
    let errors = ''
    get.stderr?.on('data', (data: Buffer) => {
      errors += data.toString()
    })
    const exit = new Promise<number | null>((resolve) => get.once('exit', resolve))
    const receivedBefore = Number((await e.json('status')).receivedBytes)
    await waitUntil(
      'half of it is there',
      300_000,
      async () => {
        const status = await e.json('status')
        return Number(status.receivedBytes) - receivedBefore > SIZE_BYTES / 2 || get.exitCode !== null
      },
      SLOW_LOOK_MS,
    )
    assert.equal(get.exitCode, null, `the get was still running when the relay was killed ${errors}`)
    const relay = await relayInUse()
    await node(relay).kill()
    assert.equal(await exit, 0, errors)
    assert.equal(await sha256OfFile(output), sha256)
  },
)

async function start(name: string, prefix: readonly string[], flags: readonly string[]): Promise<void> {
  nodes.set(name, await KizunaProcess.start({ home: join(folder, name), prefix }, flags))
}

function node(name: string): KizunaProcess {
  const found = nodes.get(name)
  if (found === undefined) throw new Error(`There is no node ${name}.`)
  return found
}

function addressOf(name: string): string {
  const address = node(name).ready.addresses.find((each) => /^\/ip4\/1[12]\.0\.0\.1\/tcp\/4001\//.test(each))
  if (address === undefined) throw new Error(`${name} announces only ${node(name).ready.addresses.join(' ')}`)
  return address
}

/** The relay that carries E's connection to B now. */
async function relayInUse(): Promise<'r1' | 'r2'> {
  const { peers } = (await node('e').json('peers')) as {
    peers: { peer: string; path: string; address: string }[]
  }
  const connection = peers.find((each) => each.peer === node('b').peerId)
  assert.equal(connection?.path, 'relayed')
  return connection.address.includes(node('r1').peerId) ? 'r1' : 'r2'
}
