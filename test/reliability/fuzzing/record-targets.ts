import { contentIdOf } from '../../../src/core/content-id.ts'
import { type CborValue, decodeCanonical, encodeCanonical, toBase64Url } from '../../../src/core/encoding.ts'
import { type PeerId, type SigningKey, signingKeyFromSeed } from '../../../src/core/signing-key.ts'
import { fileKind } from '../../../src/records/file-record.ts'
import { INVITE_LINK_START, makeInvite, parseInvite, readInviteTerms } from '../../../src/records/invite.ts'
import {
  decodeGreeting,
  decodeJoinRequest,
  decodeSpaceKeys,
  encodeGreeting,
  encodeJoinRequest,
  encodeSpaceKeys,
} from '../../../src/records/join-protocol.ts'
import { computeMembers } from '../../../src/records/member-chain.ts'
import { type MemberStatement, membershipKinds } from '../../../src/records/membership-records.ts'
import type { RecordId, SignedRecord } from '../../../src/records/record.ts'
import { isSigned, readRecord, signRecord } from '../../../src/records/record-codec.ts'
import {
  decodeMessage,
  decodeOutcomes,
  decodeRequest,
  encodeMessage,
  encodeOutcomes,
  encodeRequest,
  packRecords,
  unpackRecords,
} from '../../../src/records/records-protocol.ts'
import { removalKind } from '../../../src/records/removal-record.ts'
import { spaceIdOf } from '../../../src/records/space.ts'
import { spaceKeyKind } from '../../../src/records/space-key-record.ts'
import { statusKind } from '../../../src/records/status-record.ts'
import { FuzzFinding, type FuzzTarget, mustEqual } from './fuzz-target.ts'

const keys = Array.from({ length: 6 }, (_, index) => signingKeyFromSeed(Buffer.alloc(32, index + 1)))
const peers = keys.map(({ peerId }) => peerId)
const founderKey = keys[0] as SigningKey
const founder = founderKey.peerId
const space = spaceIdOf(founder, new Uint8Array(16))
const NOW = Date.UTC(2026, 0, 1)

const statusBody = {
  addresses: ['/ip4/192.0.2.1/tcp/4001'],
  role: 'full',
  stores: true,
  freeBytes: 5,
  loadPercent: 3,
  version: '1',
  holdings: { count: 1, fingerprint: new Uint8Array(16) },
  failureDomain: 'here',
}
const fileBody = {
  name: 'a.txt',
  mediaType: 'text/plain',
  sizeBytes: 3,
  policy: 'replica:3',
  sha256: new Uint8Array(32),
  chunks: 1,
  parityChunks: 0,
  kind: 'file',
  publishedBy: Uint8Array.from(founderKey.publicKey),
}
const statementBody = { role: 'member', formerRole: 'none', label: 'ash', joinedAt: NOW, basis: 'open' }
const record = recordWith('file', contentIdOf(Buffer.from('a')), fileBody)
const KINDS = [...membershipKinds(() => founder), fileKind, statusKind, removalKind, spaceKeyKind]
const invite = makeInvite(founderKey, {
  space,
  spaceName: 'home',
  addresses: [`/ip4/192.0.2.1/tcp/4001/p2p/${founder}`],
  expiresAt: NOW,
  uses: 'single',
  secret: new Uint8Array(16).fill(9),
} as Parameters<typeof makeInvite>[1])
const linkBytes = Buffer.from(invite.link.slice(INVITE_LINK_START.length), 'base64url')

/** Parsers of records, of membership and of what carries them. */
export const RECORD_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'record',
    seeds: [record.bytes, recordWith('status', founder, statusBody).bytes],
    share: 0.5,
    run(input) {
      const read = readRecord(input)
      mustEqual('a record holds other bytes than it was read from', read.record.bytes, input)
      const isOurs = read.record.id === record.id || Buffer.compare(input, record.bytes) === 0
      if (isSigned(read) && !isOurs && read.record.author !== founder)
        throw new FuzzFinding('a signature was forged')
    },
  },
  {
    name: 'record-bodies',
    seeds: [fileBody, statusBody, statementBody, null, { periods: [{ since: 1, admission: 'open' }] }].map(
      (body) => encodeCanonical(body as CborValue),
    ),
    run(input) {
      const body = decodeCanonical(input)
      for (const kind of KINDS) {
        for (const recordKey of [founder, peers[1] ?? founder, record.key, 'admission', '']) {
          const reason = kind.refuse({ ...record, kind: kind.name, key: recordKey, body } as SignedRecord)
          if (reason !== undefined && typeof reason !== 'string')
            throw new FuzzFinding('a refusal gives no reason')
        }
      }
    },
    share: 0.3,
  },
  {
    name: 'membership-chain',
    seeds: [Uint8Array.from({ length: 60 }, (_, index) => index * 37), new Uint8Array(120).fill(5)],
    share: 0.5,
    run(input) {
      const statements = statementsOf(input)
      const chain = {
        founder,
        founderLabel: 'f',
        foundedAt: NOW,
        periods: [{ since: 0, admission: 'open' as const }],
        revocations: [],
      }
      const members = [...computeMembers({ ...chain, statements }).members.keys()].sort()
      const other = [
        ...computeMembers({ ...chain, statements: statements.toReversed() }).members.keys(),
      ].sort()
      mustEqual('the order of statements decides', members.join(), other.join())
      if (!members.includes(founder)) throw new FuzzFinding('the founder is no member')
    },
  },
  {
    name: 'invite',
    seeds: [linkBytes],
    share: 0.3,
    run: (input) => parseInvite(`${INVITE_LINK_START}${toBase64Url(input)}`),
  },
  {
    name: 'invite-text',
    seeds: [Buffer.from(invite.link)],
    share: 0.3,
    run: (input) => parseInvite(Buffer.from(input).toString()),
  },
  { name: 'invite-terms', seeds: [invite.terms.bytes], share: 0.3, run: (input) => readInviteTerms(input) },
  {
    name: 'records-request',
    seeds: [
      encodeRequest({ op: 'compare', space, fingerprint: 'ab' }),
      encodeRequest({ op: 'reconcile', space, message: new Uint8Array(20) }),
      encodeRequest({ op: 'get', space, keys: [new Uint8Array(38)] }),
    ],
    run: (input) => decodeRequest(input),
  },
  {
    name: 'records-answer',
    seeds: [
      encodeMessage(new Uint8Array(8)),
      encodeOutcomes(['new', 'refused']),
      ...packRecords([record.bytes]),
    ],
    run(input) {
      for (const read of [decodeMessage, unpackRecords, decodeOutcomes]) refuses(() => read(input))
    },
  },
  {
    name: 'join-messages',
    seeds: [
      encodeJoinRequest({ op: 'join', space, label: 'ash', invite: undefined } as Parameters<
        typeof encodeJoinRequest
      >[0]),
      encodeGreeting({ space, admission: 'open', seeking: false, members: 3 } as Parameters<
        typeof encodeGreeting
      >[0]),
      encodeSpaceKeys({ spaceKey: new Uint8Array(32), keys: [new Uint8Array(32)] }),
    ],
    run(input) {
      for (const read of [decodeJoinRequest, decodeGreeting, decodeSpaceKeys]) refuses(() => read(input))
    },
  },
]

function recordWith(kind: string, recordKey: string, body: CborValue): SignedRecord {
  return signRecord(founderKey, { space, kind, key: recordKey, createdAt: NOW, expiresAt: NOW + 1_000, body })
}

/**
 * Six bytes make a statement, so that every input is a history of a space. Of each author about each subject the last
 * one is taken, as the sets of records do.
 */
function statementsOf(input: Uint8Array): MemberStatement[] {
  const statements = new Map<string, MemberStatement>()
  for (let at = 0; at + 6 <= input.byteLength && statements.size < 200; at += 6) {
    const [author = 0, subject = 0, role = 0, former = 0, basis = 0, when = 0] = input.subarray(at, at + 6)
    statements.set(`${author % peers.length} ${subject % peers.length}`, {
      author: peers[author % peers.length] as PeerId,
      subject: peers[subject % peers.length] as PeerId,
      role: (['member', 'admin', 'removed'] as const)[role % 3] ?? 'member',
      formerRole: (['none', 'member', 'admin'] as const)[former % 3] ?? 'none',
      label: '',
      joinedAt: when,
      basis: basis % 2 === 0 ? 'word' : 'open',
      invite: undefined,
      createdAt: when,
      id: Buffer.from([author, subject, role, former, basis, when]).toString('hex') as RecordId,
    })
  }
  return [...statements.values()]
}

/** Lets a parser refuse, so that the next one has its turn. */
function refuses(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !('kind' in error)) throw error
  }
}
