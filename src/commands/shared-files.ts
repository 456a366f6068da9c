import type { Services } from '../node/services.ts'
import { listSharedFiles, type SharedFile } from '../records/removal-record.ts'

/** Everything the space shares as this node knows it, newest first; asks nobody. For apps that complete and recognise. */
export function sharedFiles({ records, membership }: Pick<Services, 'records' | 'membership'>): SharedFile[] {
  const roles = new Map(membership.members().map(({ peer, role }) => [peer, role]))
  return listSharedFiles(records, (peer) => roles.get(peer))
}
