/**
 * Sybils around the keys of a community's content: how many reads succeed by the hash table alone, and how many
 * with the community's own index as second source (which is what the product does). Forged provider records and forged
 * or replayed peer records at real hosts. A real node whose bootstrap peers are hostile but two.
 */

import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { randomContent, readAll, sourceOf, TestSpace } from '../../src/content/space-under-test.suite.ts'
import { type ContentId, contentIdOf, digestOf } from '../../src/core/content-id.ts'
import { encodeCanonical } from '../../src/core/encoding.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { KAD_PROTOCOL } from '../../src/network/dht.ts'
import { PEERS_PROTOCOL } from '../../src/network/discovery/peer-exchange.ts'
import { encodeAddProvider } from '../../src/network/kad-message.ts'
import type { Network } from '../../src/network/network.ts'
import { addressOf, LoopbackNetworks, until } from '../../src/network/start-networks.suite.ts'
import { PEERS_PER_NETWORK_MAX } from '../../src/network/table-diversity.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'
import { type Attack, SybilModel } from './sybil-model.ts'

const LOOKUPS = { gate: 30, night: 400, release: 2_000 }
/** Nodes of the hash table, most of them of other spaces; and members of the space whose content is looked for. */
const HONEST_NODES = 200
const MEMBERS = { gate: 10, night: 50, release: 50 }
const SYBILS = [20, 40, 60]
const SUCCESS_MIN = 0.99
const HOSTILE_BOOTSTRAPS = 8
const HONEST_BOOTSTRAPS = 2
const RECOVERY_MS_MAX = 60_000

export const check: ReliabilityCheck = {
  row: 'R-07',
  title:
    'Sybils around a key in a table of 200 honest nodes, forged records, hostile bootstrap; look-ups by the table alone, and as the product does it: by the table and by what members say they keep',
  goal: '≥ 99 % of look-ups for community content succeed, 0 forged records accepted, eclipsed start recovers ≤ 60 s, ≤ 2 peers per /24 or /48 and bucket',
  run,
}

async function run(options: ReliabilityOptions) {
  const failures: string[] = []
  const { scale } = options
  const sizes = { lookups: LOOKUPS[scale], members: MEMBERS[scale] }
  const lookups = await tryLookups(options, sizes, failures)
  options.progress(lookups.figure)
  const forged = await tryForgedRecords(options.signal, failures)
  options.progress(forged)
  const recovery = await tryEclipse(failures)
  const figure = `${lookups.figure}; ${forged}; ${recovery}`
  return { figure, reached: failures.length === 0, failures }
}

/** Reads by members whose hash table is under attack; the community's index is the production's. */
export async function tryLookups(
  { seed, signal, progress }: Omit<ReliabilityOptions, 'scale'>,
  { lookups, members }: { lookups: number; members: number },
  failures: string[],
): Promise<{ figure: string; byTableUnderAttack: number }> {
  const random = new SeededRandom(seed)
  const space = new TestSpace({ seed })
  const table = new Map<Network, (id: ContentId) => boolean>()
  const wrapNetwork = (inner: Network): Network => {
    const findProviders: Network['findProviders'] = async function* (id, call) {
      if (table.get(inner)?.(id) === true) yield* inner.findProviders(id, call)
    }
    return new Proxy(inner, {
      get(target, name) {
        if (name === 'findProviders') return findProviders
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  const nodes = await space.addNodes(members)
  const done: Record<Attack, { tried: number; byTable: number; whole: number }> = {
    none: { tried: 0, byTable: 0, whole: 0 },
    passive: { tried: 0, byTable: 0, whole: 0 },
    active: { tried: 0, byTable: 0, whole: 0 },
  }
  let mostPerNetwork = 0
  let accepted = 0
  for (const attack of ['none', 'passive', 'active'] as const) {
    for (let round = 0; round < lookups / 3; round++) {
      signal.throwIfAborted()
      const publisher = nodes[random.integer(nodes.length)]
      const bytes = randomContent(50_000, random.integer(2 ** 31))
      const published = await publisher?.content.publish(sourceOf(bytes), {
        policy: { kind: 'replica', copies: 3 },
      })
      if (published === undefined) throw new Error('nothing was published')
      const key = Buffer.concat([Buffer.from([0x12, 0x20]), digestOf(published.id)])
      const sybils = SYBILS[round % SYBILS.length] as number
      const model = new SybilModel(random, { honest: HONEST_NODES, sybils, target: key, attack })
      mostPerNetwork = Math.max(mostPerNetwork, model.mostPerNetwork)
      await model.announce(model.honest(0), key)
      const { found } = model.find(model.honest(1), key)
      const byTable = found.length > 0
      const reader = await space.addNode({
        stores: false,
        wrapNetwork: (inner) => {
          table.set(inner, () => byTable)
          return wrapNetwork(inner)
        },
      })
      await reader.content.sync()
      const count = done[attack]
      count.tried++
      if (byTable) count.byTable++
      try {
        const read = await readAll(await reader.content.retrieve(published.id, { timeoutMs: 5_000 }))
        if (!read.equals(bytes)) accepted++
        else count.whole++
      } catch (error) {
        progress(`a read failed under the ${attack} attack: ${error}`)
      }
      await space.turnOff(reader)
    }
  }
  await space.stop()
  const told: string[] = []
  for (const [attack, { tried, byTable, whole }] of Object.entries(done)) {
    told.push(`${attack}: ${whole}/${tried} found, ${byTable} of them by the table too`)
    if (whole / tried < SUCCESS_MIN) failures.push(`${attack}: only ${whole} of ${tried} look-ups succeed`)
  }
  if (accepted > 0) failures.push(`${accepted} reads gave wrong bytes`)
  if (mostPerNetwork > PEERS_PER_NETWORK_MAX)
    failures.push(`${mostPerNetwork} peers of one network in a bucket`)
  return {
    figure: `look-ups in a space of ${members}, ${told.join('; ')} (the rest by the members’ index alone); at most ${mostPerNetwork} of one network per bucket`,
    byTableUnderAttack: done.passive.byTable + done.active.byTable,
  }
}

/** Records that somebody else signed, or that say something about somebody else, at real hosts. */
async function tryForgedRecords(signal: AbortSignal, failures: string[]): Promise<string> {
  await using networks = new LoopbackNetworks()
  const victim = await networks.start()
  const asker = await networks.start({ dht: true, peerExchange: { intervalMs: 600_000 } })
  const node = await networks.start({ dht: true, peerExchange: { intervalMs: 600_000 } })
  await asker.connect(addressOf(node))
  let accepted = 0
  let tried = 0
  // A stock host that speaks the table's protocol and announces in the name of others.
  const liar = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  } as never)
  try {
    const connection = await liar.dial(multiaddr(addressOf(node)))
    const peer = peerIdFromString(victim.peerId).toMultihash().bytes
    const ids = Array.from({ length: 20 }, (_, index) => contentIdOf(Buffer.from(`forged ${index}`)))
    for (const id of ids) {
      const stream = await connection.newStream(KAD_PROTOCOL, { signal })
      const key = Buffer.concat([Buffer.from([0x12, 0x20]), digestOf(id)])
      stream.send(encodeAddProvider({ key, peer, addresses: [multiaddr('/ip4/127.0.0.1/tcp/9').bytes] }))
      await stream.close({ signal }).catch(() => {})
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
    for (const id of ids) {
      tried++
      for await (const found of asker.findProviders(id, { limit: 5, timeoutMs: 3_000 })) {
        if (found.peer === victim.peerId) accepted++
      }
    }
  } finally {
    await liar.stop()
  }
  // Peer records about the victim, sealed by somebody else, and an old one after a new one.
  const hostile = await networks.start()
  const key = await generateKeyPair('Ed25519')
  const lie = new PeerRecord({
    peerId: peerIdFromString(victim.peerId),
    multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/666')],
  })
  const forged = (await RecordEnvelope.seal(lie, key)).marshal()
  const answers = [encodeCanonical([forged]), encodeCanonical([new Uint8Array(100)]), new Uint8Array(60_000)]
  for (const answer of answers) {
    tried++
    const stop = hostile.handle(PEERS_PROTOCOL, async function* () {
      yield answer
    })
    await hostile.disconnect(node.peerId)
    await node.connect(addressOf(hostile))
    await new Promise((resolve) => setTimeout(resolve, 300))
    stop()
    const known = (await node.remembered(100)).find(({ peer }) => peer === victim.peerId)
    if (known?.addresses.some((address) => address.includes('/tcp/666')) === true) accepted++
  }
  if (accepted > 0) failures.push(`${accepted} forged records were accepted`)
  return `${accepted} of ${tried} forged records accepted`
}

/** A node whose ten bootstrap peers are hostile but two, and which would be content with eight peers. */
async function tryEclipse(failures: string[]): Promise<string> {
  await using networks = new LoopbackNetworks()
  const hostile: Network[] = []
  for (let index = 0; index < HOSTILE_BOOTSTRAPS; index++) hostile.push(await networks.start())
  const nobody = await recordsOfNobody(32)
  for (const network of hostile) {
    network.handle(PEERS_PROTOCOL, async function* () {
      yield encodeCanonical(nobody)
    })
  }
  const honest: Network[] = []
  for (let index = 0; index < HONEST_BOOTSTRAPS; index++) {
    honest.push(await networks.start({ peerExchange: { intervalMs: 600_000 } }))
  }
  const member = await networks.start({ peerExchange: { intervalMs: 600_000 } })
  for (const each of honest) await member.connect(addressOf(each))
  const bootstrap = [...hostile, ...honest].map(addressOf)
  const node = await networks.create({
    bootstrap,
    peersWanted: HOSTILE_BOOTSTRAPS,
    peerExchange: { intervalMs: 600_000 },
  })
  const begin = performance.now()
  await node.start()
  // They also fill its places from their side.
  await Promise.all(hostile.map((each) => each.connect(addressOf(node)).catch(() => {})))
  let recovered = true
  await until(() => node.isConnected(member.peerId), RECOVERY_MS_MAX).catch(() => {
    recovered = false
  })
  const tookMs = performance.now() - begin
  if (!recovered) failures.push('the eclipsed node did not find the community')
  return `eclipsed start recovered in ${(tookMs / 1000).toFixed(1)} s`
}

/** Peer records that their peers signed themselves, of peers that do not exist any more. */
async function recordsOfNobody(count: number): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for (let index = 0; index < count; index++) {
    const key = await generateKeyPair('Ed25519')
    const multiaddrs = [multiaddr(`/ip4/127.0.0.1/tcp/${9_000 + index}`)]
    const record = new PeerRecord({ peerId: peerIdFromPrivateKey(key), multiaddrs })
    records.push((await RecordEnvelope.seal(record, key)).marshal())
  }
  return records
}
