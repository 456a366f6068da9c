/**
 * Goal: whoever was removed cannot open what is sealed from then on, those who remain can, and what is older stays
 * readable to them. Method: whole nodes on a virtual clock; gossip is off, so that reconciliation alone carries the keys.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { SeededRandom } from '../core/random.ts'
import { type SigningKey, signingKeyFromSeed } from '../core/signing-key.ts'
import { Community, type CommunityNode } from './community.suite.ts'
import { FILE_KIND, type FileFacts, putFileRecord } from './file-record.ts'
import { encodeJoinRequest, JOIN_PROTOCOL } from './join-protocol.ts'
import { isSealedTo, openMemberSeal, sealToMembers } from './member-seal.ts'
import { topicOf } from './record-spread.ts'
import { SPACE_KEY_KIND, sealSpaceKey, spaceKeyId, spaceKeyKind } from './space-key-record.ts'
import { openWithSpaceKeys, sealWithSpaceKey } from './space-seal.ts'

const ABOUT = contentIdOf(Buffer.from('a content'))
const SECRET = new Uint8Array(32).fill(8)
const FACTS: FileFacts = {
  id: ABOUT,
  name: 'a.txt',
  mediaType: 'text/plain',
  sizeBytes: 9,
  policy: 'replica:3',
  sha256: 'ab'.repeat(32),
  chunks: 1,
  parityChunks: 0,
  kind: 'file',
  sealedKey: undefined,
}
const HOUR_MS = 3_600_000
type Trio = [CommunityNode, CommunityNode, CommunityNode]

const sealBy = (node: CommunityNode, random: SeededRandom) =>
  sealWithSpaceKey(node.membership.spaceKey(), SECRET, ABOUT, random)
const opens = (node: CommunityNode, sealed: Uint8Array): boolean => {
  try {
    return Buffer.from(SECRET).equals(openWithSpaceKeys(node.membership.spaceKeys(), sealed, ABOUT))
  } catch {
    return false
  }
}
const hasCurrentKey = (node: CommunityNode): boolean => {
  try {
    return node.membership.spaceKey().byteLength === 32
  } catch {
    return false
  }
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('a secret sealed to members opens with their node keys and no other, as the vector says [R-23]', () => {
  const random = new SeededRandom(1)
  const [birch, cedar, elm] = [1, 2, 3].map((byte) => signingKeyFromSeed(Buffer.alloc(32, byte)))
  assert.ok(birch && cedar && elm)
  random.bytes = () => new Uint8Array(32).fill(9)
  const seal = sealToMembers(SECRET, [birch.peerId, cedar.peerId], 'about', random)
  for (const key of [birch, cedar]) assert.deepEqual(openMemberSeal(seal, key, 'about'), SECRET)
  assert.equal(openMemberSeal(seal, elm, 'about'), undefined)
  assert.equal(openMemberSeal(seal, birch, 'something else'), undefined)
  assert.deepEqual(
    [birch, cedar, elm].map(({ peerId }) => isSealedTo(seal, peerId)),
    [true, true, false],
  )
  assert.equal(hex(seal.ephemeral), '57db4b359f23ae5e146e4e2512056704722506348c150c14753d0c933d04d421')
  assert.equal(
    hex(seal.entries.subarray(0, 56)),
    '2ad403449c8f34df078834f1f824d6f062b50c4353fee305de3002f8bf753cba96576a4f2654e143f964f3fc56e98ca18490531d0f2e19e1',
  )
  assert.equal(spaceKeyId(SECRET), '5844f8826c549599548771e9090e106d')
  for (let at = 0; at < seal.entries.byteLength; at++) {
    const changed = Uint8Array.from(seal.entries)
    changed[at] = (changed[at] as number) ^ 1
    const owner: SigningKey = at < 56 ? birch : cedar
    assert.equal(openMemberSeal({ ...seal, entries: changed }, owner, 'about'), undefined)
  }
  // A point of small order would make everybody's key the same.
  assert.equal(openMemberSeal({ ...seal, ephemeral: new Uint8Array(32) }, birch, 'about'), undefined)
})

test('after a removal the others agree on a new key, and the removed member opens nothing newer [R-23]', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3)) as Trio
  const before = sealBy(b, community.random)
  assert.ok([a, b, c].every((node) => opens(node, before)))
  await community.clock.advance(1_000)
  const removedAt = community.clock.monotonic()
  await a.membership.remove(c.peer)
  await community.until(() => !b.membership.isMember(c.peer) && hasCurrentKey(b), 30_000)
  assert.ok(community.clock.monotonic() - removedAt <= 30_000)
  assert.deepEqual(a.membership.spaceKey(), b.membership.spaceKey())
  const after = [sealBy(a, community.random), sealBy(b, community.random)]
  await community.clock.advance(120_000)
  assert.ok(after.every((sealed) => opens(a, sealed) && opens(b, sealed)))
  assert.ok(after.every((sealed) => !opens(c, sealed)))
  for (const node of [a, b, c]) assert.ok(opens(node, before), 'what was readable stays readable')
  // It keeps after a restart, and whoever comes in later reads what is old and new.
  const again = await b.restart()
  assert.deepEqual(again.membership.spaceKey(), a.membership.spaceKey())
  const d = await community.addNode()
  await d.network.connect(a.network.addresses()[0] ?? '')
  await d.membership.joinOpenSpaceOf(a.peer)
  assert.ok([before, ...after].every((sealed) => opens(d, sealed)))
  assert.deepEqual(d.membership.spaceKey(), a.membership.spaceKey())
  await community.stop()
})

test('a removed member asks in vain for the keys, and so does a stranger [R-23]', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3)) as Trio
  const stranger = await community.addNode()
  await stranger.network.connect(a.network.addresses()[0] ?? '')
  await a.membership.remove(c.peer)
  const ask = async (node: CommunityNode) => {
    const request = [encodeJoinRequest({ op: 'keys', space: a.membership.space().id })]
    for await (const frame of node.network.request(a.peer, JOIN_PROTOCOL, request)) return frame.byteLength
    return 0
  }
  for (const node of [c, stranger]) await assert.rejects(community.run(ask(node)), { code: 'NOT_A_MEMBER' })
  assert.ok((await community.run(ask(b))) > 64)
  await community.stop()
})

test('a member that the new key was not sealed to gets it from another [R-23]', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3)) as Trio
  // D comes in by B while A removes C and does not know of D yet.
  await a.stop()
  community.nodes.splice(community.nodes.indexOf(a), 1)
  const d = await community.addNode()
  await d.network.connect(b.network.addresses()[0] ?? '')
  await community.run(d.membership.joinOpenSpaceOf(b.peer))
  const alone = await a.restart().catch(() => undefined)
  assert.ok(alone)
  await alone.membership.remove(c.peer)
  await community.connectAll([alone, b, d])
  const expected = hex(alone.membership.spaceKey())
  await community.until(() =>
    [b, d].every((node) => hasCurrentKey(node) && hex(node.membership.spaceKey()) === expected),
  )
  await community.stop()
})

test('two removals at once by two admins end in one key that neither of the removed has [R-23]', async () => {
  const community = new Community()
  const nodes = await community.addMembers(5)
  const [a, b, c, d, e] = nodes as [CommunityNode, CommunityNode, CommunityNode, CommunityNode, CommunityNode]
  await a.membership.appoint(b.peer, 'admin')
  await community.until(() =>
    nodes.every((node) => node.membership.members().some(({ role }) => role === 'admin')),
  )
  await Promise.all([a.membership.remove(d.peer), b.membership.remove(e.peer)])
  const remain = [a, b, c]
  const settled = () =>
    remain.every((node) => node.membership.members().length === 3 && hasCurrentKey(node)) &&
    new Set(remain.map((node) => hex(node.membership.spaceKey()))).size === 1
  const begin = community.clock.monotonic()
  await community.until(settled, 90_000)
  const sealed = sealBy(c, community.random)
  assert.ok(remain.every((node) => opens(node, sealed)))
  assert.ok([d, e].every((node) => !opens(node, sealed)))
  assert.ok(community.clock.monotonic() - begin < 90_000)
  await community.stop()
})

test('a removal whose key never came holds back private sharing, and the founder makes up for it [R-23]', async () => {
  const community = new Community({ gossip: true })
  const [a, b, c] = (await community.addMembers(3)) as Trio
  // What a crash between the two records, or a node of before, leaves behind: the removal alone.
  const { records } = a
  const put = records.put.bind(records)
  records.put = (kind, ...rest) =>
    kind === SPACE_KEY_KIND ? Promise.reject(new Error('power cut')) : put(kind, ...rest)
  await assert.rejects(a.membership.remove(c.peer), /power cut/)
  records.put = put
  await community.until(() => !b.membership.isMember(c.peer), 60_000)
  assert.throws(() => b.membership.spaceKey(), { code: 'SPACE_KEY_PENDING' })
  await community.until(() => hasCurrentKey(a) && hasCurrentKey(b), 60_000)
  assert.ok(!opens(c, sealBy(b, community.random)))
  await community.stop()
})

test('a key record of a plain member, or of an admin who is none any more, counts for nothing [R-23]', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3)) as Trio
  const mine = new Uint8Array(32).fill(4)
  const forge = async (node: CommunityNode) => {
    for (const { key, body } of sealSpaceKey(mine, [a.peer, b.peer, c.peer], community.random))
      await node.records.put(SPACE_KEY_KIND, key, body, { lifetimeMs: HOUR_MS })
  }
  await forge(b)
  await community.until(() => a.records.count(SPACE_KEY_KIND) === 1)
  assert.notDeepEqual(a.membership.spaceKey(), mine)
  await a.membership.appoint(c.peer, 'admin')
  await a.membership.appoint(c.peer, 'member')
  await community.until(() => c.membership.members().every(({ role }) => role !== 'admin'))
  await community.clock.advance(5_000)
  await forge(c)
  await community.until(() => a.records.count(SPACE_KEY_KIND) === 2)
  for (const node of [a, b, c]) assert.notDeepEqual(node.membership.spaceKey(), mine)
  await community.stop()
})

test('malformed key records are refused by their kind [R-23]', async () => {
  const community = new Community()
  const a = await community.addNode()
  const id = spaceKeyId(SECRET)
  const good = { ephemeral: new Uint8Array(32), pages: 1, entries: new Uint8Array(56) }
  const refusal = async (key: string, body: Parameters<typeof a.records.put>[2]) => {
    try {
      await a.records.put(SPACE_KEY_KIND, key, body, { lifetimeMs: HOUR_MS })
    } catch (error) {
      return (error as { code: string }).code
    }
    return 'taken'
  }
  assert.equal(await refusal(id, good), 'taken')
  assert.equal(await refusal(`${id}.1`, good), 'taken')
  for (const [key, body] of [
    ['x', good],
    [`${id}.16`, good],
    [`${id}.01`, good],
    [id, null],
    [id, { ...good, more: 1 }],
    [id, { ...good, ephemeral: new Uint8Array(31) }],
    [id, { ...good, entries: new Uint8Array(57) }],
    [id, { ...good, entries: new Uint8Array(801 * 56) }],
    [id, { ...good, pages: 0 }],
    [id, { ...good, pages: 17 }],
  ] as const) {
    assert.equal(await refusal(key, body), 'INVALID_RECORD', `${key} ${JSON.stringify(body)}`)
  }
  assert.equal(spaceKeyKind.name, SPACE_KEY_KIND)
  await community.stop()
})

test('gossip of a closed space tells a listener without its key nothing of what is shared [R-23]', async () => {
  const community = new Community({ gossip: true })
  const [a, b, c] = (await community.addMembers(3)) as Trio
  await a.membership.setAdmission('invite')
  await community.until(() => b.membership.space().admission === 'invite')
  await a.membership.remove(c.peer)
  await community.until(() => !b.membership.isMember(c.peer) && hasCurrentKey(b))
  const heard: string[] = []
  c.network.listen(topicOf(a.membership.space().id), (bytes) =>
    heard.push(Buffer.from(bytes).toString('latin1')),
  )
  await putFileRecord(a.records, a.peer, { ...FACTS, name: 'canary-name.txt' })
  await community.until(() => b.records.count(FILE_KIND) === 1, 5_000)
  await community.until(() => heard.length > 0, 5_000)
  assert.ok(heard.every((text) => !text.includes('canary-name')))
  await community.stop()
})
