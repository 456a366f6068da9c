import { isKizunaError } from '../core/kizuna-error.ts'
import type { PeerId } from '../core/signing-key.ts'
import { PeerMisbehavedError, PeerUnreachableError } from '../network/errors.ts'
import type { Network } from '../network/network.ts'
import { ForgedSpaceError, inviteRefusalOf } from './errors.ts'
import type { InviteLink } from './invite.ts'
import {
  decodeGreeting,
  decodeSpaceKeys,
  encodeJoinRequest,
  JOIN_PROTOCOL,
  type JoinRequest,
  type SpaceGreeting,
  type SpaceKeys,
  WELCOME_RECORDS_MAX,
} from './join-protocol.ts'
import { computeMembers } from './member-chain.ts'
import { POLICY_KIND, readPolicy, readStatement } from './membership-records.ts'
import { MEMBER_KIND, type SignedRecord, type SpaceId } from './record.ts'
import { decodeRecord } from './record-codec.ts'
import { unpackRecords } from './records-protocol.ts'
import { type Founding, readFounding } from './space.ts'

const GREETING_TIMEOUT_MS = 5_000
const JOIN_TIMEOUT_MS = 15_000

/** A space that has let us in, proven. */
export interface Welcome {
  founding: Founding
  foundingRecord: SignedRecord
  spaceKey: Uint8Array
  /** Every key of the space, older ones too. */
  keys: Uint8Array[]
  /** Policy and the certificates up to ours, in the order in which they can be checked. */
  records: Uint8Array[]
}

/** Asks a peer which space it is in. */
async function askGreeting(network: Network, peer: PeerId, signal?: AbortSignal): Promise<SpaceGreeting> {
  const options = { timeoutMs: GREETING_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) }
  const request = [encodeJoinRequest({ op: 'hello' })]
  for await (const frame of network.request(peer, JOIN_PROTOCOL, request, options))
    return decodeGreeting(frame)
  throw new PeerMisbehavedError({ peer, reason: 'it gave an empty answer' })
}

/** Peers asked at once for the space they are in. */
const GREETINGS_MAX = 16

/** A peer and the space it is in. */
export interface GreetedPeer {
  peer: PeerId
  greeting: SpaceGreeting
}

/** Asks several peers at once, at most 16; those that do not answer are left out. */
export async function askGreetings(
  network: Network,
  peers: readonly PeerId[],
  signal?: AbortSignal,
): Promise<GreetedPeer[]> {
  const asked = peers.slice(0, GREETINGS_MAX).map(async (peer) => {
    return { peer, greeting: await askGreeting(network, peer, signal) }
  })
  const answers = await Promise.allSettled(asked)
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

/**
 * Enters with an invite: its maker lets us in, or, when that one is away and the invite is for many uses, any member we are connected to.
 * @throws InviteRefusedError, PeerUnreachableError, and what {@link askWelcome} throws.
 */
export async function askWelcomeWith(
  network: Network,
  invite: InviteLink,
  label: string,
  signal?: AbortSignal,
): Promise<Welcome> {
  const { terms, secret, addresses } = invite
  const request = { op: 'join', space: terms.space, label, invite: { terms: terms.bytes, secret } } as const
  try {
    await network.remember({ peer: terms.inviter, addresses })
    await network.connect(terms.inviter, signal === undefined ? {} : { signal })
    return await askWelcome(network, terms.inviter, request, signal)
  } catch (error) {
    const refusal = inviteRefusalOf(error)
    if (refusal !== undefined) throw refusal
    const isAway = isKizunaError(error) && error.kind === 'unavailable' && signal?.aborted !== true
    if (!isAway) throw error
    const connected = network.connectedPeers().map(({ peer }) => peer)
    const others = terms.uses === 'many' ? await askGreetings(network, connected, signal) : []
    const helper = others.find(({ greeting }) => greeting.space === terms.space)
    if (helper !== undefined) {
      return await askWelcome(network, helper.peer, request, signal).catch((refused: unknown) => {
        throw inviteRefusalOf(refused) ?? refused
      })
    }
    const reason = 'the member who made the invite does not answer'
    throw new PeerUnreachableError({ peer: terms.inviter, reason, cause: error })
  }
}

/**
 * Asks a member to let us in, and checks that the answer proves it.
 * @throws InviteRefusedError, SpaceClosedError, JoinBusyError (as the peer says), ForgedSpaceError.
 */
export async function askWelcome(
  network: Network,
  peer: PeerId,
  request: Extract<JoinRequest, { op: 'join' }>,
  signal?: AbortSignal,
): Promise<Welcome> {
  const options = { timeoutMs: JOIN_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) }
  let given: SpaceKeys | undefined
  const records: Uint8Array[] = []
  for await (const frame of network.request(peer, JOIN_PROTOCOL, [encodeJoinRequest(request)], options)) {
    if (given === undefined) given = decodeSpaceKeys(frame)
    else records.push(...unpackRecords(frame))
    if (records.length > WELCOME_RECORDS_MAX)
      throw new PeerMisbehavedError({ peer, reason: 'its welcome is too long' })
  }
  if (given === undefined) throw new PeerMisbehavedError({ peer, reason: 'it gave an empty answer' })
  try {
    return { ...proveWelcome(records, request.space, network.peerId), ...given, records: records.slice(1) }
  } catch (error) {
    throw new ForgedSpaceError({ peer, reason: error instanceof Error ? error.message : 'it is malformed' })
  }
}

/** Asks a member for the keys of the space that both are in. @throws NotAMemberError, OtherSpaceError (as the peer says). */
export async function askSpaceKeys(
  network: Network,
  peer: PeerId,
  space: SpaceId,
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  const options = { timeoutMs: GREETING_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) }
  const request = [encodeJoinRequest({ op: 'keys', space })]
  for await (const frame of network.request(peer, JOIN_PROTOCOL, request, options))
    return decodeSpaceKeys(frame).keys
  throw new PeerMisbehavedError({ peer, reason: 'it gave an empty answer' })
}

/** Checks signatures, the space's id, and that the certificates make `self` a member. */
function proveWelcome(
  bytes: readonly Uint8Array[],
  space: string,
  self: PeerId,
): { founding: Founding; foundingRecord: SignedRecord } {
  const [foundingRecord, ...others] = bytes.map(decodeRecord)
  if (foundingRecord === undefined) throw new Error('it has no founding record')
  const founding = readFounding(foundingRecord)
  if (founding.space !== space) throw new Error('it is another space than the one asked for')
  if (others.some((record) => record.space !== space)) throw new Error('it has records of another space')
  const policy = others.find((record) => record.kind === POLICY_KIND && record.author === founding.founder)
  const { members } = computeMembers({
    ...founding,
    statements: others.filter((record) => record.kind === MEMBER_KIND).map(readStatement),
    periods: policy === undefined ? [{ since: 0, admission: founding.admission }] : readPolicy(policy),
    revocations: [],
  })
  if (!members.has(self)) throw new Error('its certificates do not make us a member')
  return { founding, foundingRecord }
}
