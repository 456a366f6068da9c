/** Whole nodes on a virtual clock; gossip is off everywhere, so that reconciliation alone carries what they agree on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentIdOf } from '../core/content-id.ts'
import { encodeCanonical } from '../core/encoding.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { Community, type CommunityNode, idsOf } from './community.suite.ts'
import { InvalidInviteError, InviteRefusedError } from './errors.ts'
import { FILE_KIND, type FileFacts, putFileRecord, readFileRecord } from './file-record.ts'
import { INVITE_LINK_START, makeInvite, parseInvite } from './invite.ts'
import { encodeJoinRequest, JOIN_PROTOCOL } from './join-protocol.ts'
import { REVOCATION_KIND } from './membership-records.ts'
import { MEMBER_KIND } from './record.ts'
import { signRecord } from './record-codec.ts'
import { encodeRequest, packRecords, RECORDS_PROTOCOL } from './records-protocol.ts'
import { listSharedFiles, putFileRemoval } from './removal-record.ts'
import { openWithSpaceKeys, sealWithSpaceKey } from './space-seal.ts'

const HOUR_MS = 60 * 60 * 1000
const GOOD = { lifetimeMs: HOUR_MS, uses: 'single' } as const

function fileFacts(text: string, change: Partial<FileFacts> = {}): FileFacts {
  return {
    id: contentIdOf(Buffer.from(text)),
    name: `${text}.txt`,
    mediaType: 'text/plain',
    sizeBytes: text.length,
    policy: 'replica:3',
    sha256: 'ab'.repeat(32),
    chunks: 1,
    parityChunks: 0,
    kind: 'file',
    sealedKey: undefined,
    ...change,
  }
}

const peersOf = (node: CommunityNode) =>
  node.membership
    .members()
    .map(({ peer }) => peer)
    .sort()
const roleIn = (node: CommunityNode) => (peer: CommunityNode['peer']) =>
  node.membership.members().find((member) => member.peer === peer)?.role

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof InviteRefusedError, String(error))
    return String(error.details.reason)
  }
  return 'accepted'
}

test('a first start founds a space of its own, and a restart keeps it', async () => {
  const community = new Community()
  const node = await community.addNode({ label: 'Aiko', spaceName: 'the garden' })
  const space = node.membership.space()
  assert.equal(space.name, 'the garden')
  assert.equal(space.founder, node.peer)
  assert.deepEqual(
    node.membership.members().map(({ role, label }) => [role, label]),
    [['founder', 'Aiko']],
  )
  const key = node.membership.spaceKey()
  const again = await node.restart()
  assert.deepEqual(again.membership.space(), space)
  assert.deepEqual(again.membership.spaceKey(), key)
  assert.equal(again.membership.isMember(again.peer), true)
  await community.stop()
})

test('newcomers enter an open space and everybody agrees who is in it, also after a restart', async () => {
  const community = new Community()
  const nodes = await community.addMembers(4)
  const everybody = nodes.map(({ peer }) => peer).sort()
  const [a, b] = nodes as [CommunityNode, CommunityNode]
  for (const node of nodes) {
    assert.equal(node.membership.space().id, a.membership.space().id)
    assert.deepEqual(node.membership.spaceKey(), a.membership.spaceKey())
    assert.deepEqual(peersOf(node), everybody)
  }
  const again = await b.restart()
  assert.deepEqual(peersOf(again), everybody)
  assert.equal(again.membership.space().id, a.membership.space().id)
  await community.stop()
})

test('an invite lets one newcomer into a closed space, and the chain can be checked by all', async () => {
  const community = new Community()
  const a = await community.addNode({ admission: 'invite', spaceName: 'the garden' })
  const b = await community.addNode({ label: 'Birch' })
  const c = await community.addNode({ label: 'Cleo' })
  const first = await a.membership.invite(GOOD)
  assert.ok(first.link.startsWith(INVITE_LINK_START))
  const info = await b.membership.join(`  ${first.link}\n`)
  assert.equal(info.name, 'the garden')
  assert.deepEqual(await b.membership.join(first.link), info, 'joining again changes nothing')
  // A member, not the founder, invites the next one.
  const second = await b.membership.invite(GOOD)
  await c.membership.join(second.link)
  await community.connectAll()
  await community.until(() => [a, b, c].every((node) => node.membership.members().length === 3))
  assert.equal(a.membership.members().find(({ peer }) => peer === c.peer)?.label, 'Cleo')
  assert.deepEqual(c.membership.spaceKey(), a.membership.spaceKey())
  await community.stop()
})

test('a closed space refuses whoever has no invite', async () => {
  const community = new Community()
  const a = await community.addNode({ admission: 'invite' })
  const b = await community.addNode()
  await b.network.connect(a.network.addresses()[0] ?? '')
  const own = b.membership.space().id
  assert.equal(await b.membership.joinOpenSpaceOf(a.peer), undefined)
  assert.equal(b.membership.space().id, own)
  const request = encodeJoinRequest({
    op: 'join',
    space: a.membership.space().id,
    label: 'x',
    invite: undefined,
  })
  await assert.rejects(ask(b, a, request), { code: 'SPACE_CLOSED' })
  assert.equal(a.membership.members().length, 1)
  // Opened, it lets in; closed again, those inside stay.
  await a.membership.setAdmission('open')
  assert.equal((await b.membership.joinOpenSpaceOf(a.peer))?.id, a.membership.space().id)
  await community.clock.advance(1_000)
  await a.membership.setAdmission('invite')
  await assert.rejects(b.membership.setAdmission('open'), { code: 'NOT_ALLOWED' })
  await community.until(() => b.membership.space().admission === 'invite')
  assert.deepEqual(peersOf(a), peersOf(b))
  await community.stop()
})

test('expired, used, revoked, unknown and foreign invites are refused, each with its reason', async () => {
  const community = new Community()
  const a = await community.addNode({ admission: 'invite' })
  const b = await community.addNode()
  const c = await community.addNode()
  const used = await a.membership.invite(GOOD)
  await b.membership.join(used.link)
  assert.equal(await refusal(c.membership.join(used.link)), 'used')
  const revoked = await a.membership.invite(GOOD)
  assert.equal(await a.membership.revokeInvite(revoked.id), true)
  assert.equal(await a.membership.revokeInvite(revoked.id), false)
  assert.equal(await a.membership.revokeInvite('nonsense'), false)
  assert.equal(await refusal(c.membership.join(revoked.link)), 'revoked')
  // Made with the key of a member, but on no node's ledger: a restored backup, or a stolen key.
  const facts = {
    space: a.membership.space().id,
    spaceName: '',
    addresses: a.network.addresses(),
    secret: new Uint8Array(16),
  }
  const expiresAt = community.clock.now() + HOUR_MS
  const unknown = makeInvite(a.key, { ...facts, expiresAt, uses: 'single' })
  assert.equal(await refusal(c.membership.join(unknown.link)), 'unknown')
  const expired = await a.membership.invite({ lifetimeMs: 1_000, uses: 'many' })
  const late = parseInvite(expired.link)
  await community.clock.advance(2_000)
  assert.equal(await refusal(c.membership.join(expired.link)), 'expired')
  const invite = { terms: late.terms.bytes, secret: late.secret }
  await c.network.connect(a.network.addresses()[0] ?? '')
  const request = encodeJoinRequest({ op: 'join', space: facts.space, label: 'x', invite })
  await assert.rejects(ask(c, a, request), { code: 'INVITE_REFUSED' }, 'the host checks it too')
  await assert.rejects(c.membership.join('kizuna://join/abc'), InvalidInviteError)
  assert.equal(a.membership.members().length, 2)
  await community.stop()
})

test('3,000 forged, altered and replayed invites at the door: none lets anybody in', async () => {
  const community = new Community({ seed: 23 })
  const a = await community.addNode({ admission: 'invite' })
  const thief = await community.addNode()
  await thief.network.connect(a.network.addresses()[0] ?? '')
  const { random } = community
  const space = a.membership.space().id
  const good = parseInvite((await a.membership.invite(GOOD)).link)
  let accepted = 0
  for (let round = 0; round < 3_000; round++) {
    const terms = Uint8Array.from(good.terms.bytes)
    const secret = Uint8Array.from(good.secret)
    const choice = round % 4
    if (choice === 0) terms[random.integer(terms.length)] = random.integer(256)
    if (choice === 1) secret[random.integer(16)] = random.integer(256)
    if (choice === 2) terms.set(random.bytes(8), random.integer(terms.length - 8))
    const facts = { space, spaceName: '', addresses: [], expiresAt: community.clock.now() + HOUR_MS, secret }
    const forged =
      choice === 3
        ? makeInvite(thief.key, { ...facts, uses: round % 8 === 3 ? 'single' : 'many' }).terms.bytes
        : terms
    if (
      choice !== 3 &&
      Buffer.compare(terms, good.terms.bytes) === 0 &&
      Buffer.compare(secret, good.secret) === 0
    )
      continue
    try {
      await ask(
        thief,
        a,
        encodeJoinRequest({ op: 'join', space, label: 'x', invite: { terms: forged, secret } }),
      )
      accepted++
    } catch (error) {
      assert.match(String((error as { code?: string }).code), /^(INVITE_REFUSED|INVALID_INVITE)$/)
    }
  }
  assert.equal(accepted, 0)
  assert.equal(a.membership.members().length, 1)
  await community.stop()
})

test('an invite for one use lets in one of many who come at once, also across a crash of the inviter', async () => {
  const community = new Community()
  let a = await community.addNode({ admission: 'invite' })
  const others: CommunityNode[] = []
  for (let index = 0; index < 5; index++) others.push(await community.addNode())
  const { link } = await a.membership.invite(GOOD)
  const results = await Promise.allSettled(others.map((node) => node.membership.join(link)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(a.membership.members().length, 2)
  a = await a.restart()
  const unlucky = others.filter((_, index) => results[index]?.status === 'rejected')
  assert.equal(await refusal((unlucky[0] as CommunityNode).membership.join(link)), 'used')
  assert.equal(a.membership.members().length, 2)
  await community.stop()
})

test('whoever never heard the answer may ask again with the same invite', async () => {
  const community = new Community()
  const a = await community.addNode({ admission: 'invite' })
  const b = await community.addNode()
  const { link } = await a.membership.invite(GOOD)
  const { terms, secret } = parseInvite(link)
  await b.network.connect(a.network.addresses()[0] ?? '')
  await ask(
    b,
    a,
    encodeJoinRequest({ op: 'join', space: terms.space, label: 'b', invite: { terms: terms.bytes, secret } }),
  )
  assert.equal((await b.membership.join(link)).id, a.membership.space().id)
  assert.equal(a.records.list(MEMBER_KIND).length, 1)
  await community.stop()
})

test('an invite for many uses is honoured by any member while its maker is away', async () => {
  const community = new Community()
  const [a, b] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  await a.membership.setAdmission('invite')
  await community.until(() => b.membership.space().admission === 'invite')
  const { link } = await a.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })
  await a.stop()
  community.nodes.splice(community.nodes.indexOf(a), 1)
  const [c, d] = [await community.addNode(), await community.addNode()]
  for (const node of [c, d]) {
    await node.network.connect(b.network.addresses()[0] ?? '')
    assert.equal((await community.run(node.membership.join(link))).id, b.membership.space().id)
  }
  assert.equal(b.membership.members().length, 4)
  await community.stop()
})

test('a member asks the others before it honours an invite for many that somebody else made [R-23]', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3, { admission: 'open' })) as [
    CommunityNode,
    CommunityNode,
    CommunityNode,
  ]
  await a.membership.setAdmission('invite')
  await community.until(() => c.membership.space().admission === 'invite')
  await community.until(() => b.membership.space().admission === 'invite')
  const { link, id } = await a.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })
  // The one who made it revokes it, tells only c, and is gone.
  await a.membership.revokeInvite(id)
  const [revocation] = a.records.list(REVOCATION_KIND)
  await c.records.accept(revocation?.bytes ?? new Uint8Array())
  await a.stop()
  community.nodes.splice(community.nodes.indexOf(a), 1)
  assert.equal(b.records.list(REVOCATION_KIND).length, 0)
  const newcomer = await community.addNode()
  await newcomer.network.connect(b.network.addresses()[0] ?? '')
  assert.equal(await refusal(community.run(newcomer.membership.join(link))), 'revoked')
  await community.stop()
})

test('an inviter who cannot be reached is said to be', async () => {
  const community = new Community()
  const a = await community.addNode({ admission: 'invite' })
  const b = await community.addNode()
  const { link } = await a.membership.invite(GOOD)
  await a.stop()
  community.nodes.splice(community.nodes.indexOf(a), 1)
  await assert.rejects(community.run(b.membership.join(link)), { code: 'PEER_UNREACHABLE' })
  await community.stop()
})

test('a removed member is refused by everybody, its later records too, and the earlier ones stay', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3)) as [CommunityNode, CommunityNode, CommunityNode]
  await putFileRecord(c.records, c.peer, fileFacts('before'))
  await community.until(() => [a, b].every((node) => node.records.count(FILE_KIND) === 1))
  await assert.rejects(b.membership.remove(c.peer), { code: 'NOT_ALLOWED' })
  await community.clock.advance(1_000)
  await a.membership.remove(c.peer)
  await community.clock.advance(1_000)
  const late = await putFileRecord(c.records, c.peer, fileFacts('after'))
  await community.until(() => !b.membership.isMember(c.peer) && !a.membership.isMember(c.peer))
  await assert.rejects(a.records.accept(late.bytes), { code: 'UNKNOWN_AUTHOR' })
  await community.clock.advance(90_000)
  for (const node of [a, b]) {
    assert.deepEqual(
      listSharedFiles(node.records, roleIn(node)).map(({ name }) => name),
      ['before.txt'],
    )
    assert.deepEqual(await c.records.sync({ peers: [node.peer] }), { peers: 0, sent: 0, received: 0 })
  }
  // The same key is not let in again through the open door, but by the founder's word.
  const request = encodeJoinRequest({
    op: 'join',
    space: a.membership.space().id,
    label: 'x',
    invite: undefined,
  })
  await assert.rejects(ask(c, b, request), { code: 'INVITE_REFUSED' })
  await a.membership.appoint(c.peer, 'member')
  await community.until(() => b.membership.isMember(c.peer))
  await community.until(() => idsOf(a, FILE_KIND).length === 2 && idsOf(b, FILE_KIND).length === 2)
  await community.stop()
})

test('a removed member cannot bring a friend in with a certificate dated back', async () => {
  const community = new Community()
  const [a, b] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  const space = a.membership.space().id
  const show = async (friend: CommunityNode) => {
    const createdAt = community.clock.now() - 30_000
    const statement = { role: 'member', formerRole: 'none', label: '', joinedAt: createdAt, basis: 'open' }
    const expiresAt = createdAt + HOUR_MS
    const draft = { space, kind: MEMBER_KIND, key: friend.peer, createdAt, expiresAt, body: statement }
    const frames = [
      encodeRequest({ op: 'introduce', space }),
      ...packRecords([signRecord(b.key, draft).bytes]),
    ]
    await friend.network.connect(a.network.addresses()[0] ?? '')
    for await (const _ of friend.network.request(a.peer, RECORDS_PROTOCOL, frames));
    return a.membership.isMember(friend.peer)
  }
  await community.clock.advance(60_000)
  assert.equal(await show(await community.addNode()), true, 'while B is a member its certificate counts')
  await a.membership.remove(b.peer)
  await community.clock.advance(1_000)
  assert.equal(await show(await community.addNode()), false)
  await community.stop()
})

test('admins remove members; the founder makes and unmakes admins', async () => {
  const community = new Community()
  const [a, b, c, d] = (await community.addMembers(4)) as [
    CommunityNode,
    CommunityNode,
    CommunityNode,
    CommunityNode,
  ]
  await assert.rejects(b.membership.appoint(c.peer, 'admin'), { code: 'NOT_ALLOWED' })
  await a.membership.appoint(b.peer, 'admin')
  await a.membership.appoint(c.peer, 'admin')
  await community.until(() =>
    [b, c, d].every((node) => node.membership.members().filter(({ role }) => role === 'admin').length === 2),
  )
  await assert.rejects(b.membership.remove(c.peer), { code: 'NOT_ALLOWED' })
  await assert.rejects(b.membership.remove(a.peer), { code: 'NOT_ALLOWED' })
  await b.membership.remove(d.peer)
  await community.until(() => [a, b, c].every((node) => !node.membership.isMember(d.peer)))
  await a.membership.appoint(b.peer, 'member')
  await community.until(() => roleIn(b)(b.peer) === 'member')
  await assert.rejects(b.membership.remove(c.peer), { code: 'NOT_ALLOWED' })
  // What the former admin decided still holds.
  await community.clock.advance(60_000)
  for (const node of [a, b, c]) assert.equal(node.membership.isMember(d.peer), false)
  await community.stop()
})

test('a member whom another one does not know yet shows its certificates', async () => {
  const community = new Community()
  const [a, b] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  await community.hub.partition([[a.peer], [b.peer]])
  await community.clock.advance(6_000)
  const c = await community.addNode()
  community.hub.partition([[a.peer], [b.peer, c.peer]])
  await c.network.connect(b.network.addresses()[0] ?? '')
  await community.run(c.membership.joinOpenSpaceOf(b.peer))
  // B is gone for good when C first meets A.
  await b.stop()
  community.nodes.splice(community.nodes.indexOf(b), 1)
  community.hub.heal()
  await c.network.connect(a.network.addresses()[0] ?? '')
  await community.until(() => a.membership.isMember(c.peer))
  assert.deepEqual(idsOf(a, MEMBER_KIND), idsOf(c, MEMBER_KIND))
  await community.stop()
})

test('what happened on both sides of a partition is agreed on within 30 s of its end', async () => {
  const community = new Community({ seed: 4 })
  const nodes = await community.addMembers(5)
  const [a, b, c, d, e] = nodes as [CommunityNode, CommunityNode, CommunityNode, CommunityNode, CommunityNode]
  community.hub.partition([
    [a.peer, b.peer],
    [c.peer, d.peer, e.peer],
  ])
  await community.clock.advance(10_000)
  await a.membership.remove(e.peer)
  await putFileRecord(b.records, b.peer, fileFacts('left'))
  await putFileRecord(c.records, c.peer, fileFacts('right'))
  await community.clock.advance(10)
  await putFileRecord(e.records, e.peer, fileFacts('by the removed one'))
  const f = await community.addNode()
  community.hub.partition([
    [a.peer, b.peer],
    [c.peer, d.peer, e.peer, f.peer],
  ])
  await f.network.connect(d.network.addresses()[0] ?? '')
  await community.run(f.membership.joinOpenSpaceOf(d.peer))
  await community.clock.advance(35_000)
  community.hub.heal()
  const rest = [a, b, c, d, f]
  await community.connectAll(rest)
  const kinds = [MEMBER_KIND, FILE_KIND]
  await community.until(
    () =>
      rest.every(
        (node) =>
          idsOf(node, ...kinds).join() === idsOf(a, ...kinds).join() && node.membership.isMember(f.peer),
      ),
    30_000,
  )
  for (const node of rest) {
    assert.deepEqual(peersOf(node), rest.map(({ peer }) => peer).sort())
    const names = listSharedFiles(node.records, roleIn(node)).map(({ name }) => name)
    assert.deepEqual(names.sort(), ['left.txt', 'right.txt'])
  }
  await community.stop()
})

test('two lone nodes that enter each other at once end in one space', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const community = new Community({ seed })
    const [a, b] = [await community.addNode(), await community.addNode()]
    await a.network.connect(b.network.addresses()[0] ?? '')
    await community.run(
      Promise.all([a.membership.joinOpenSpaceOf(b.peer), b.membership.joinOpenSpaceOf(a.peer)]),
    )
    assert.equal(a.membership.space().id, b.membership.space().id)
    await community.until(() => [a, b].every((node) => node.membership.members().length === 2))
    await community.stop()
  }
})

test('nodes that all have each other as bootstrap form one space, and one that only listens joins nobody [K-20]', async () => {
  const community = new Community({ seed: 3 })
  const nodes: CommunityNode[] = []
  for (let index = 0; index < 5; index++) nodes.push(await community.addNode({ seeksSpace: true }))
  await community.connectAll()
  const isOne = () => new Set(nodes.map((node) => node.membership.space().id)).size === 1
  for (let round = 0; round < 10 && !isOne(); round++) {
    await community.run(
      Promise.all(
        nodes.map((node) =>
          node.membership.joinOpenSpaceOf(nodes.filter((other) => other !== node).map(({ peer }) => peer)),
        ),
      ),
    )
    await community.clock.advance(1_000)
  }
  assert.ok(isOne())
  await community.until(() => nodes.every((node) => node.membership.members().length === 5))
  const idle = await community.addNode()
  const own = idle.membership.space().id
  await community.connectAll()
  await community.clock.advance(60_000)
  assert.equal(idle.membership.space().id, own)
  await community.stop()
})

test('a space with other members is left only by force', async () => {
  const community = new Community()
  const [a, b] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  const c = await community.addNode({ admission: 'invite' })
  const { link } = await c.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })
  await assert.rejects(b.membership.join(link), { code: 'SPACE_NOT_EMPTY' })
  await b.network.connect(c.network.addresses()[0] ?? '')
  assert.equal(await b.membership.joinOpenSpaceOf(c.peer), undefined)
  assert.equal((await b.membership.join(link, { force: true })).id, c.membership.space().id)
  assert.equal(a.membership.space().id === b.membership.space().id, false)
  await community.stop()
})

test('what was shared alone comes along into the space that is entered, its sealed key too', async () => {
  const community = new Community()
  const a = await community.addNode()
  let told = ''
  const b = await community.addNode({ onSpaceChanged: ({ id }) => (told = id) })
  const contentKey = new Uint8Array(32).fill(5)
  const facts = fileFacts('mine')
  const sealedKey = sealWithSpaceKey(b.membership.spaceKey(), contentKey, facts.id, community.random)
  await putFileRecord(b.records, b.peer, { ...facts, sealedKey })
  await b.network.connect(a.network.addresses()[0] ?? '')
  await b.membership.joinOpenSpaceOf(a.peer)
  assert.equal(told, a.membership.space().id)
  await community.until(() => a.records.count(FILE_KIND) === 1)
  const [record] = a.records.list(FILE_KIND)
  assert.ok(record)
  const file = readFileRecord(record)
  assert.equal(file.publishedBy, b.peer)
  assert.deepEqual(
    openWithSpaceKeys(a.membership.spaceKeys(), file.sealedKey ?? new Uint8Array(0), file.id),
    contentKey,
  )
  await community.stop()
})

test('a move into another space that a crash cut short is finished at the next start', async () => {
  const community = new Community()
  const a = await community.addNode()
  const b = await community.addNode()
  await putFileRecord(b.records, b.peer, fileFacts('mine'))
  await b.network.connect(a.network.addresses()[0] ?? '')
  // The disk refuses everything after the move was noted.
  const { run } = b.index
  let isNoted = false
  b.index.run = (sql, ...values) => {
    if (isNoted) throw new Error('the power is gone')
    if (sql.startsWith('INSERT OR REPLACE INTO space ')) isNoted = true
    return run(sql, ...values)
  }
  await assert.rejects(b.membership.joinOpenSpaceOf(a.peer))
  b.index.run = run
  const again = await b.restart()
  assert.equal(again.membership.space().id, a.membership.space().id)
  assert.equal(again.membership.isMember(again.peer), true)
  await again.network.connect(a.network.addresses()[0] ?? '')
  await community.until(() => a.records.count(FILE_KIND) === 1)
  await community.stop()
})

test('the list is on every member, with publisher and size, also after the publisher is gone [B-05] [B-30] [B-39]', async () => {
  const community = new Community()
  const [a, b, c] = (await community.addMembers(3)) as [CommunityNode, CommunityNode, CommunityNode]
  await putFileRecord(a.records, a.peer, fileFacts('one'))
  await community.until(() => b.records.count(FILE_KIND) === 1)
  await a.stop()
  community.nodes.splice(community.nodes.indexOf(a), 1)
  const d = await community.addNode()
  await d.network.connect(b.network.addresses()[0] ?? '')
  await d.membership.joinOpenSpaceOf(b.peer)
  await d.network.connect(c.network.addresses()[0] ?? '')
  await community.until(() => [b, c, d].every((node) => node.records.count(FILE_KIND) === 1))
  for (const node of [b, c, d]) {
    const [file] = listSharedFiles(node.records, roleIn(node))
    assert.deepEqual(
      [file?.name, file?.sizeBytes, file?.publishedBy, file?.mediaType],
      ['one.txt', 3, a.peer, 'text/plain'],
    )
  }
  // Forgotten by the publisher it goes from the list; by somebody else it does not.
  await putFileRemoval(c.records, fileFacts('one').id)
  await community.clock.advance(61_000)
  assert.equal(listSharedFiles(b.records, roleIn(b)).length, 1)
  await community.stop()
})

test('a peer that greets with rubbish or proves nothing is not joined', async () => {
  const community = new Community()
  const b = await community.addNode()
  const liar = community.hub.createNetwork(signingKeyFromSeed(new Uint8Array(32).fill(3)))
  await liar.start()
  let answer: Uint8Array[] = [new Uint8Array(3)]
  liar.handle(JOIN_PROTOCOL, async function* () {
    yield* answer
  })
  await b.network.connect(liar.addresses()[0] ?? '')
  assert.equal(await b.membership.joinOpenSpaceOf(liar.peerId), undefined)
  answer = [
    encodeCanonical({ spaceKey: new Uint8Array(32) }),
    encodeCanonical({ records: [new Uint8Array(9)] }),
  ]
  const liarKey = signingKeyFromSeed(new Uint8Array(32).fill(3))
  const facts = {
    space: b.membership.space().id,
    spaceName: '',
    expiresAt: community.clock.now() + HOUR_MS,
    uses: 'many' as const,
  }
  const otherSpace = (await community.addNode()).membership.space().id
  const forged = makeInvite(liarKey, {
    ...facts,
    space: otherSpace,
    addresses: liar.addresses(),
    secret: new Uint8Array(16),
  })
  const own = b.membership.space().id
  await assert.rejects(community.run(b.membership.join(forged.link)), { code: 'FORGED_SPACE' })
  assert.equal(b.membership.space().id, own)
  await liar.stop()
  await community.stop()
})

async function ask(from: CommunityNode, to: CommunityNode, frame: Uint8Array): Promise<void> {
  for await (const _ of from.network.request(to.peer, JOIN_PROTOCOL, [frame]));
}
