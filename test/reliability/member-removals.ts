/** Members removed in communities of many shapes, and what the removed can read of what is sealed afterwards. */
import { contentIdOf } from '../../src/core/content-id.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { Community, type CommunityNode } from '../../src/records/community.suite.ts'
import { encodeJoinRequest, JOIN_PROTOCOL } from '../../src/records/join-protocol.ts'
import { MEMBER_KIND } from '../../src/records/record.ts'
import { SPACE_KEY_KIND } from '../../src/records/space-key-record.ts'
import { openWithSpaceKeys, sealWithSpaceKey } from '../../src/records/space-seal.ts'
import type { ReliabilityOptions } from './reliability-check.ts'

const REMOVALS = { gate: 24, night: 400, release: 4_000 }
const UNREADABLE_MS_MAX = 30_000

/** Removes members, each in a community of its own; counts what they could still read, and until when. */
export async function tryRemovals({ scale, seed, signal, progress }: ReliabilityOptions) {
  const random = new SeededRandom(seed + 1)
  const failures: string[] = []
  const count = { trials: 0, sealed: 0, readable: 0, worstMs: 0 }
  for (; count.trials < REMOVALS[scale] && !signal.aborted; count.trials++) {
    // Without gossip everybody hears from the remover; with it, some hear only by others.
    const gossip = random.integer(2) === 0
    const community = new Community({ seed: seed * 1_000 + count.trials, gossip })
    try {
      await tryRemoval(community, random, { count, isSparse: gossip })
    } catch (error) {
      failures.push(`removal ${count.trials}: ${error}`)
    }
    await community.stop()
    if (count.trials % 10 === 9) progress(`${count.trials + 1} removals, the slowest ${count.worstMs} ms`)
  }
  if (count.readable > 0)
    failures.push(`${count.readable} contents sealed after a removal could be read by the removed`)
  if (count.worstMs > UNREADABLE_MS_MAX) failures.push(`it took ${count.worstMs} ms`)
  return { ...count, failures }
}

async function tryRemoval(
  community: Community,
  random: SeededRandom,
  { count, isSparse }: { count: { sealed: number; readable: number; worstMs: number }; isSparse: boolean },
): Promise<void> {
  const nodes = await community.addMembers(3 + random.integer(5))
  const [founder, second, removed, ...others] = nodes as [CommunityNode, CommunityNode, CommunityNode]
  if (random.integer(2) === 0) await founder.membership.setAdmission('invite')
  const byAdmin = random.integer(2) === 0
  if (byAdmin) {
    await founder.membership.appoint(second.peer, 'admin')
    await community.until(() =>
      second.membership.members().some(({ peer, role }) => peer === second.peer && role === 'admin'),
    )
  }
  const remover = byAdmin ? second : founder
  const remain = [founder, second, ...others]
  if (isSparse) await cutLinks(remain, remover, random)
  await community.clock.advance(1 + random.integer(5_000))
  const seals: { at: number; sealed: Uint8Array }[] = []
  const about = contentIdOf(Buffer.from('new'))
  const seal = () => {
    for (const node of remain) {
      try {
        const key = node.membership.spaceKey()
        seals.push({
          at: community.clock.monotonic(),
          sealed: sealWithSpaceKey(key, new Uint8Array(32).fill(1), about, random),
        })
      } catch (error) {
        // Holding back is right: what is not sealed cannot be read.
        if (!isKizunaError(error, 'SPACE_KEY_PENDING')) throw error
      }
    }
  }
  const removedAt = community.clock.monotonic()
  await removeSomehow(remover, removed, random)
  // A minute of sharing by everybody, while the news is still on its way.
  for (let second = 0; second < 60; second++) {
    seal()
    await community.until(() => community.clock.monotonic() >= removedAt + (second + 1) * 1_000)
  }
  await community.until(() => remain.every((node) => canSeal(node)), 60_000)
  seal()
  await tellEverything(remain, removed)
  for (const { at, sealed } of seals) {
    const isReadable = opens(removed, sealed, about)
    if (isReadable) count.worstMs = Math.max(count.worstMs, at - removedAt)
    if (at - removedAt <= UNREADABLE_MS_MAX) continue
    count.sealed++
    if (isReadable) count.readable++
    if (!remain.every((node) => opens(node, sealed, about)))
      throw new Error('a member cannot read what another sealed')
  }
}

/** Leaves the remover one neighbour; the others stay connected to each other. */
async function cutLinks(
  remain: readonly CommunityNode[],
  remover: CommunityNode,
  random: SeededRandom,
): Promise<void> {
  const others = remain.filter((node) => node !== remover)
  const kept = others[random.integer(others.length)]
  for (const node of others) if (node !== kept) await remover.network.disconnect(node.peer)
}

/** Sometimes the power fails between the removal and the new key. */
async function removeSomehow(
  remover: CommunityNode,
  removed: CommunityNode,
  random: SeededRandom,
): Promise<void> {
  if (random.integer(3) > 0) return remover.membership.remove(removed.peer)
  const put = remover.records.put
  remover.records.put = (kind, ...rest) =>
    kind === SPACE_KEY_KIND
      ? Promise.reject(new Error('power cut'))
      : put.call(remover.records, kind, ...rest)
  await remover.membership.remove(removed.peer).catch(() => undefined)
  remover.records.put = put
}

/** A friend who stayed gives the removed member every record there is, and all of them are asked for their keys. */
async function tellEverything(remain: readonly CommunityNode[], removed: CommunityNode): Promise<void> {
  for (const node of remain) {
    for (const kind of [MEMBER_KIND, SPACE_KEY_KIND]) {
      for (const record of node.records.list(kind))
        await removed.records.accept(record.bytes).catch(() => undefined)
    }
    const code = await askKeys(removed, node)
    if (code !== 'NOT_A_MEMBER') throw new Error(`the removed member asked for keys and got ${code}`)
  }
}

async function askKeys(by: CommunityNode, node: CommunityNode): Promise<string> {
  const request = [encodeJoinRequest({ op: 'keys', space: node.membership.space().id })]
  try {
    for await (const _ of by.network.request(node.peer, JOIN_PROTOCOL, request)) return 'keys'
    return 'silence'
  } catch (error) {
    if (!isKizunaError(error)) throw error
    return error.code
  }
}

function canSeal(node: CommunityNode): boolean {
  try {
    return node.membership.spaceKey().byteLength > 0
  } catch {
    return false
  }
}

function opens(node: CommunityNode, sealed: Uint8Array, about: string): boolean {
  try {
    return openWithSpaceKeys(node.membership.spaceKeys(), sealed, about).byteLength === 32
  } catch {
    return false
  }
}
