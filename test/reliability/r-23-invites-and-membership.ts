/**
 * Bad invites of every sort at a space's door, by its own program and raw on the wire, with a good one now and then
 * to see that the door opens at all; then members removed in communities of many shapes, with everything that is sealed
 * afterwards given to the one removed. Whole record parts in memory, on a virtual clock.
 */

import { encodeCanonical } from '../../src/core/encoding.ts'
import { isKizunaError } from '../../src/core/kizuna-error.ts'
import { SeededRandom } from '../../src/core/random.ts'
import { signingKeyFromSeed } from '../../src/core/signing-key.ts'
import { Community, type CommunityNode } from '../../src/records/community.suite.ts'
import { INVITE_LINK_START, makeInvite, parseInvite } from '../../src/records/invite.ts'
import { encodeJoinRequest, JOIN_PROTOCOL } from '../../src/records/join-protocol.ts'
import { encodeStatement, REVOCATION_KIND } from '../../src/records/membership-records.ts'
import { MEMBER_KIND } from '../../src/records/record.ts'
import { signRecord } from '../../src/records/record-codec.ts'
import { tryRemovals } from './member-removals.ts'
import type { ReliabilityCheck, ReliabilityOptions } from './reliability-check.ts'

const BAD_INVITES = { gate: 10_000, night: 50_000, release: 200_000 }
const HOUR_MS = 3_600_000
/** A good invite after so many bad ones; the space stays small enough that it costs nothing. */
const GOOD_EVERY = 500

export const check: ReliabilityCheck = {
  row: 'R-23',
  title: 'Bad invites of every sort, and what a removed member can still read',
  goal: '0 accepted of 10,000 bad invites; new content unreadable to the removed in ≤ 30 s',
  async run(options) {
    const doors = await tryInvites(options)
    const removals = await tryRemovals(options)
    const failures = [...doors.failures, ...removals.failures]
    return {
      figure:
        `${doors.accepted} of ${doors.bad} bad invites accepted (${doors.good} good ones were); ` +
        `${removals.readable} of ${removals.sealed} contents sealed after ${removals.trials} removals readable, last safe after ${(removals.worstMs / 1000).toFixed(1)} s`,
      reached: failures.length === 0,
      failures: failures.slice(0, 50).map((failure) => `${failure} (seed ${options.seed})`),
    }
  },
}

interface Door {
  community: Community
  host: CommunityNode
  /** Another member, to whom the host's records come. */
  other: CommunityNode
  random: SeededRandom
}

type Attempt = { link: string } | { terms: Uint8Array; secret: Uint8Array; by?: CommunityNode }

/** Each makes one bad invite of its sort. */
const SORTS: Readonly<Record<string, (door: Door, stranger: CommunityNode) => Promise<Attempt> | Attempt>> = {
  async expired({ host, community, random }) {
    const { link } = await host.membership.invite({ lifetimeMs: 1 + random.integer(1_000), uses: oneOf(random, USES) })
    await community.clock.advance(1_001)
    return partsOf(link)
  },
  async 'expired, by the program'({ host, community }) {
    const { link } = await host.membership.invite({ lifetimeMs: 5, uses: 'many' })
    await community.clock.advance(6)
    return { link }
  },
  async used({ host, other, random, community }, stranger) {
    const { link } = await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'single' })
    const first = await newcomer({ host, other, random, community })
    await ask(first, host, partsOf(link))
    await host.membership.remove(first.peer)
    await drop(community, first)
    return { ...partsOf(link), by: stranger }
  },
  async revoked({ host, other, community }) {
    const { link, id } = await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })
    await host.membership.revokeInvite(id)
    // Another member honours it until it has heard: by reconciliation, when there is no gossip.
    await host.records.sync()
    await community.until(() => other.records.newest(REVOCATION_KIND, id) !== undefined)
    return partsOf(link)
  },
  async 'changed in one bit'({ host, random }) {
    const { terms, secret } = partsOf((await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })).link)
    return { terms: flipped(terms, random), secret }
  },
  async 'with a changed secret'({ host, random }) {
    const { terms, secret } = partsOf((await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })).link)
    return { terms, secret: flipped(secret, random) }
  },
  async 'with the secret of another'({ host }) {
    const [one, two] = [await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' }), await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })]
    return { terms: partsOf(one.link).terms, secret: partsOf(two.link).secret }
  },
  'signed by a stranger': ({ host, random, community }) => forged({ host, random, community }, signingKeyFromSeed(random.bytes(32))),
  'signed by nobody': ({ host, random, community }) => {
    const { terms, secret } = forged({ host, random, community }, host.key)
    return { terms: Uint8Array.from([...terms.subarray(0, -8), ...random.bytes(8)]), secret }
  },
  async 'from the evidence in a certificate'({ host, random }) {
    const [record] = host.records.list(MEMBER_KIND).filter(({ body }) => (body as { basis?: string }).basis === 'invite')
    const terms = (record?.body as { invite?: Uint8Array } | undefined)?.invite ?? random.bytes(100)
    return { terms, secret: random.bytes(16) }
  },
  'of another space': ({ host, random, community }) => {
    const key = signingKeyFromSeed(random.bytes(32))
    return partsOf(makeInvite(key, { ...inviteFacts({ host, random, community }), space: community.nodes.at(-1)?.membership.space().id ?? host.membership.space().id }).link)
  },
  'never made known to the node that signed it': ({ host, random, community }) =>
    forged({ host, random, community }, host.key, 'single'),
  async truncated({ host, random }) {
    const { link } = await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })
    return { link: link.slice(0, INVITE_LINK_START.length + random.integer(link.length - INVITE_LINK_START.length)) }
  },
  async 'with a letter changed'({ host, random }) {
    const { link } = await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })
    const at = INVITE_LINK_START.length + random.integer(link.length - INVITE_LINK_START.length)
    const letter = link[at] === 'A' ? 'B' : 'A'
    return { link: link.slice(0, at) + letter + link.slice(at + 1) }
  },
  'of nothing but noise': ({ random }) => ({ link: INVITE_LINK_START + Buffer.from(random.bytes(1 + random.integer(300))).toString('base64url') }),
  'with fields too many': ({ host, random, community }) => {
    const { terms, secret } = forged({ host, random, community }, host.key)
    return { terms: encodeCanonical({ terms, more: random.bytes(10) }), secret }
  },
} // biome-ignore format: a table

const USES = ['single', 'many'] as const

async function tryInvites({ scale, seed, signal, progress }: ReliabilityOptions) {
  const random = new SeededRandom(seed)
  const failures: string[] = []
  const sorts = Object.entries(SORTS)
  const count = { bad: 0, good: 0, accepted: 0 }
  let door = await openDoor(seed)
  let stranger = await newcomer(door)
  for (; count.bad < BAD_INVITES[scale] && !signal.aborted; count.bad++) {
    if (count.bad % GOOD_EVERY === GOOD_EVERY - 1) {
      const { link } = await door.host.membership.invite({ lifetimeMs: HOUR_MS, uses: oneOf(random, USES) })
      const guest = await newcomer(door)
      await ask(guest, door.host, partsOf(link))
      if (door.host.membership.isMember(guest.peer)) count.good++
      else failures.push(`a good invite was refused after ${count.bad} bad ones`)
      await door.community.stop()
      // A new space now and then, so that the invites of the old one do not pile up.
      door = await openDoor(seed + count.bad)
      stranger = await newcomer(door)
      progress(`${count.bad} bad invites, ${count.accepted} accepted`)
    }
    const [name, make] = sorts[count.bad % sorts.length] as (typeof sorts)[number]
    const attempt = await make({ ...door, random }, stranger)
    const by = 'by' in attempt && attempt.by !== undefined ? attempt.by : stranger
    const host = random.integer(4) === 0 ? door.other : door.host
    const outcome = 'link' in attempt ? await joinBy(by, attempt.link) : await ask(by, host, attempt)
    if (outcome === undefined || [door.host, door.other].some((node) => node.membership.isMember(by.peer))) {
      count.accepted++
      failures.push(`an invite ${name} was accepted`)
      stranger = await newcomer(door)
    }
  }
  failures.push(...(await tryRecords(door, stranger, random)))
  await door.community.stop()
  return { ...count, failures }
}

/** A stranger writes itself certificates, and shows those that were somebody else's. */
async function tryRecords(door: Door, stranger: CommunityNode, random: SeededRandom): Promise<string[]> {
  const failures: string[] = []
  const space = door.host.membership.space().id
  const { host, community } = door
  const now = community.clock.now()
  const evidence = parseInvite(
    (await host.membership.invite({ lifetimeMs: HOUR_MS, uses: 'many' })).link,
  ).terms
  for (let trial = 0; trial < 200; trial++) {
    const subject = random.integer(2) === 0 ? stranger.peer : signingKeyFromSeed(random.bytes(32)).peerId
    const basis = oneOf(random, ['word', 'open', 'invite'] as const)
    const role = basis === 'word' ? oneOf(random, ['member', 'admin', 'removed'] as const) : 'member'
    const invite = basis === 'invite' ? evidence : undefined
    const body = encodeStatement({ role, formerRole: 'none', label: 'x', joinedAt: now, basis, invite })
    const key = trial % 2 === 0 ? stranger.key : signingKeyFromSeed(random.bytes(32))
    const facts = {
      space,
      kind: MEMBER_KIND,
      key: subject,
      createdAt: now - random.integer(1_000),
      expiresAt: now + HOUR_MS,
      body,
    }
    try {
      await host.records.accept(signRecord(key, facts).bytes)
      failures.push(`a certificate by a stranger was taken (${basis}, ${role})`)
    } catch (error) {
      if (!isKizunaError(error)) failures.push(`a certificate broke the door: ${error}`)
    }
  }
  if (host.membership.isMember(stranger.peer)) failures.push('a stranger certified itself')
  return failures
}

async function openDoor(seed: number): Promise<Door> {
  const community = new Community({ seed })
  const [host, other] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  await host.membership.setAdmission('invite')
  await community.until(() => other.membership.space().admission === 'invite')
  return { community, host, other, random: new SeededRandom(seed) }
}

async function newcomer({ community, host, other }: Door): Promise<CommunityNode> {
  const node = await community.addNode()
  for (const { network } of [host, other]) await node.network.connect(network.addresses()[0] ?? '')
  return node
}

async function drop(community: Community, node: CommunityNode): Promise<void> {
  community.nodes.splice(community.nodes.indexOf(node), 1)
  await node.stop()
}

/** Asks raw, past every check of our own program. @returns the code of the refusal, or undefined when let in. */
async function ask(
  by: CommunityNode,
  host: CommunityNode,
  { terms, secret }: { terms: Uint8Array; secret: Uint8Array },
): Promise<string | undefined> {
  const request = encodeJoinRequest({
    op: 'join',
    space: host.membership.space().id,
    label: 'x',
    invite: { terms, secret },
  })
  try {
    for await (const _ of by.network.request(host.peer, JOIN_PROTOCOL, [request])) return undefined
    return 'silence'
  } catch (error) {
    if (!isKizunaError(error)) throw error
    return error.code
  }
}

async function joinBy(by: CommunityNode, link: string): Promise<string | undefined> {
  try {
    await by.membership.join(link)
    return undefined
  } catch (error) {
    if (!isKizunaError(error)) throw error
    return error.code
  }
}

function partsOf(link: string): { terms: Uint8Array; secret: Uint8Array } {
  const { terms, secret } = parseInvite(link)
  return { terms: terms.bytes, secret }
}

type Maker = Pick<Door, 'host' | 'random' | 'community'>

function inviteFacts({ host, random, community }: Maker) {
  return {
    space: host.membership.space().id,
    spaceName: 'x',
    addresses: [],
    expiresAt: community.clock.now() + HOUR_MS,
    uses: 'many' as 'many' | 'single',
    secret: random.bytes(16),
  }
}

function forged(maker: Maker, key: CommunityNode['key'], uses: 'many' | 'single' = 'many') {
  return partsOf(makeInvite(key, { ...inviteFacts(maker), uses }).link)
}

function flipped(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const changed = Uint8Array.from(bytes)
  const at = random.integer(changed.byteLength)
  changed[at] = (changed[at] as number) ^ (1 << random.integer(8))
  return changed
}

function oneOf<Item>(random: SeededRandom, items: readonly Item[]): Item {
  return items[random.integer(items.length)] as Item
}
