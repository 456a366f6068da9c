import { type CborValue, encodeCanonical } from '../core/encoding.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { type PeerId, parsePeerId } from '../core/signing-key.ts'
import { ShapeReader } from './cbor-shape.ts'
import { MalformedMessageError } from './errors.ts'
import type { Admission } from './membership.ts'
import type { SpaceId } from './record.ts'
import { spaceIdBytes, spaceIdFromBytes } from './record-codec.ts'
import { displayText, LABEL_BYTES_MAX, SPACE_NAME_BYTES_MAX } from './space.ts'

/** How newcomers come in; described in `docs/protocol/membership.md`. */
export const JOIN_PROTOCOL = '/kizuna/join/1.0.0'
/** Bytes of a space's content key. */
export const SPACE_KEY_BYTES = 32
/** Records in a welcome: founding, policy, and a chain of certificates. */
export const WELCOME_RECORDS_MAX = 300

const TERMS_BYTES_MAX = 1_024
/** Keys of a space in one answer; 34 bytes each. */
export const WELCOME_KEYS_MAX = 1_024
const OPS = ['hello', 'join', 'keys'] as const
const ADMISSIONS: readonly Admission[] = ['open', 'invite']
const shape = new ShapeReader((reason) => new MalformedMessageError({ protocol: JOIN_PROTOCOL, reason }))

/** The one frame of a request. */
export type JoinRequest =
  | { op: 'hello' }
  /** A member asks for the space's keys that it may lack. */
  | { op: 'keys'; space: SpaceId }
  | {
      op: 'join'
      space: SpaceId
      /** The newcomer's name for people. */
      label: string
      /** The signed terms of an invite, and the secret that proves one was given it. */
      invite: { terms: Uint8Array; secret: Uint8Array } | undefined
    }

/** The answer to `hello`: what anybody may know of a space. */
export interface SpaceGreeting {
  space: SpaceId
  name: string
  founder: PeerId
  admission: Admission
  members: number
  /** It is alone and looks for a space to join itself. */
  seeking: boolean
}

/** The bytes of a request’s first frame. */
export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  if (request.op === 'hello') return encodeCanonical({ op: 'hello' })
  if (request.op === 'keys') return encodeCanonical({ op: 'keys', space: spaceIdBytes(request.space) })
  const { op, space, label, invite } = request
  return encodeCanonical({
    op,
    space: spaceIdBytes(space),
    label: displayText(label, LABEL_BYTES_MAX),
    ...(invite === undefined ? {} : invite),
  })
}

/** @throws MalformedMessageError */
export function decodeJoinRequest(frame: Uint8Array): JoinRequest {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  const op = shape.oneOf(map, 'op', OPS)
  if (op === 'hello') return { op }
  const space = spaceIdFromBytes(shape.bytes(map, 'space', { exactly: 32 }))
  if (op === 'keys') return { op, space }
  const hasInvite = shape.has(map, 'terms') || shape.has(map, 'secret')
  return {
    op,
    space,
    label: displayText(shape.text(map, 'label', LABEL_BYTES_MAX), LABEL_BYTES_MAX),
    invite: hasInvite
      ? {
          terms: shape.bytes(map, 'terms', { max: TERMS_BYTES_MAX }),
          secret: shape.bytes(map, 'secret', { exactly: 16 }),
        }
      : undefined,
  }
}

/** The bytes of a greeting. */
export function encodeGreeting(greeting: SpaceGreeting): Uint8Array {
  return encodeCanonical({ ...greeting, space: spaceIdBytes(greeting.space) } as CborValue)
}

/** @throws MalformedMessageError */
export function decodeGreeting(frame: Uint8Array): SpaceGreeting {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  return {
    space: spaceIdFromBytes(shape.bytes(map, 'space', { exactly: 32 })),
    name: displayText(shape.text(map, 'name', SPACE_NAME_BYTES_MAX), SPACE_NAME_BYTES_MAX),
    founder: parsePeerId(shape.text(map, 'founder', 64)),
    admission: shape.oneOf(map, 'admission', ADMISSIONS),
    members: shape.integer(map, 'members'),
    seeking: shape.boolean(map, 'seeking'),
  }
}

/** A space's keys: the one to seal with, and all that are known, older ones too. */
export interface SpaceKeys {
  spaceKey: Uint8Array
  keys: Uint8Array[]
}

/** The first frame of a welcome, which frames of records follow, and the answer to `keys`. Only ever over a secure channel. */
export function encodeSpaceKeys({ spaceKey, keys }: SpaceKeys): Uint8Array {
  return encodeCanonical({ spaceKey, keys: keys.slice(0, WELCOME_KEYS_MAX) })
}

/** @throws MalformedMessageError */
export function decodeSpaceKeys(frame: Uint8Array): SpaceKeys {
  const map = shape.decodeMap(frame, FRAME_BYTES_MAX)
  const spaceKey = shape.bytes(map, 'spaceKey', { exactly: SPACE_KEY_BYTES })
  // Hosts of before have one key and say no more.
  const listed = shape.has(map, 'keys') ? shape.list(map, 'keys', WELCOME_KEYS_MAX) : []
  const keys = listed.map((key) => {
    if (key instanceof Uint8Array && key.byteLength === SPACE_KEY_BYTES) return key
    return shape.fail('a key in it is not 32 bytes')
  })
  return { spaceKey, keys }
}
