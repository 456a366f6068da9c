import { hkdfSync } from 'node:crypto'
import type { ContentId } from '../core/content-id.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { Services } from '../node/services.ts'
import type { Member } from '../records/membership.ts'
import { findSharedFile, type SharedFile } from '../records/removal-record.ts'
import { openWithSpaceKeys } from '../records/space-seal.ts'

/** What the space knows of a content, or undefined when nobody shares it here. */
export function sharedFileOf(
  { records, membership }: Pick<Services, 'records' | 'membership'>,
  id: ContentId,
): SharedFile | undefined {
  // Made when it is asked for: most contents have no removal whose author's role would count.
  let roles: Map<PeerId, Member['role']> | undefined
  return findSharedFile(records, id, (peer) => {
    roles ??= new Map(membership.members().map((member) => [member.peer, member.role]))
    return roles.get(peer)
  })
}

/** The key of private content: the one given (from a link), or the one the space's members share. */
export function contentKeyOf(
  services: Pick<Services, 'records' | 'membership'>,
  id: ContentId,
  given: Uint8Array | undefined,
): Uint8Array | undefined {
  return given ?? sharedKeyOf(services, id, sharedFileOf(services, id))
}

/** The key that the space's members share of a content, for who has asked what the space knows of it already. */
export function sharedKeyOf(
  services: Pick<Services, 'membership'>,
  id: ContentId,
  shared: SharedFile | undefined,
): Uint8Array | undefined {
  const sealed = shared?.sealedKey
  return sealed === undefined ? undefined : openWithSpaceKeys(services.membership.spaceKeys(), sealed, id)
}

/**
 * The key of one file of a private folder. Each has its own, because chunks of two files under one key would
 * repeat a nonce (HKDF, RFC 5869; the path is the context).
 */
export function folderFileKey(folderKey: Uint8Array, path: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', folderKey, new Uint8Array(0), `kizuna folder file 1\0${path}`, 32))
}
