import { hash } from 'node:crypto'
import { FILE_KIND } from '../../src/records/file-record.ts'
import { POLICY_KIND, REVOCATION_KIND } from '../../src/records/membership-records.ts'
import { MEMBER_KIND } from '../../src/records/record.ts'
import { REMOVAL_KIND } from '../../src/records/removal-record.ts'
import { POST_KIND } from './post-record.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** Every kind that stays; what nodes say of themselves changes all the time. */
const LASTING_KINDS = [POLICY_KIND, MEMBER_KIND, REVOCATION_KIND, FILE_KIND, REMOVAL_KIND, POST_KIND]

/** What a node knows of the space, as one hash: its records and who it takes for a member, as what. */
export function stateHashOf(node: SimulatedNode): string {
  const records = LASTING_KINDS.flatMap((kind) => node.records.list(kind).map(({ id }) => id as string))
  const members = node.membership.members().map(({ peer, role }) => `${peer} ${role}`)
  return hash('sha256', [...records.sort(), ...members.sort()].join('\n')).slice(0, 32)
}
