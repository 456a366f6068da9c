import { DIAGNOSIS_FINDINGS, DIAGNOSIS_STEPS } from '../content/diagnosis-findings.ts'
import { findingsWith } from '../core/finding.ts'

const LEAVING = 'Somebody asked this node to leave at {since}'
const CALL_OFF = '`kizuna leave --cancel` calls it off.'
const FEWER = '{count} {count|thing has|things have} fewer copies than wanted'
const INVITE = '`kizuna invite` makes a link for another machine.'

const NODE_FINDINGS = {
  ADDRESSES_DIALABLE: 'Others can dial {count} addresses of this node.',
  ADDRESSES_NONE: 'This node has no address that others could dial.',
  PEERS_CONNECTED: 'Connected to {count} peers, {relayed} of them through a relay.',
  PEERS_AWAY: 'None of the {count} other members can be reached now.',
  PEERS_ALONE: 'You are alone in your space; `kizuna invite` makes a link for another machine.',
  SPACE_OPEN:
    'The space is open: whoever reaches a member can join and read. `kizuna config set admission invite` closes it.',
  SPACE_CLOSED: 'The space is closed: newcomers need an invite.',
  DISK_FREE: '{freeBytes} bytes are free under {home}.',
  STATE_WELL: 'Nothing is degraded.',
  STATE_LOOK: 'Needs a look: {words}.',
  LEAVING_LEFT: `${LEAVING}, and it has left: it answers nobody. Started again, it is a member again.`,
  LEAVING_HANDS_OVER: `${LEAVING}; it hands over what others need of it. ${CALL_OFF}`,
  LEAVING_WAITS: `${LEAVING}; it goes on when another member is there. ${CALL_OFF}`,
  LEAVING_STUCK: `${LEAVING}; {lost} contents would be lost and {weaker} have fewer copies, and nobody has room for them. It tries again every minute. Invite somebody with room, or \`kizuna leave --force\` loses them; ${CALL_OFF}`,
  DISK_WHOLE: 'Every chunk on this machine is whole.',
  DISK_DAMAGED:
    '{damaged} chunks are damaged and are fetched again now; {unreadable} cannot be read by the disk.',
} as const

const VERDICT_FINDINGS = {
  ALL_WELL: 'All is well.',
  ALL_WELL_ALONE: `All is well, but this node is the only member: what is shared here has one copy. ${INVITE}`,
  NOTHING_BROKEN: 'Nothing is broken.',
  COPIES_FEW_ALONE: `${FEWER}, because this node is the only member. ${INVITE}`,
  COPIES_FEW_MEMBERS: `${FEWER}, because the space has {members} members and {copies} copies are wanted. ${INVITE}`,
  COPIES_FEW: `${FEWER} for now; more are made as soon as members with room are there.`,
  COPIES_UNCOUNTED: 'The copies are not counted yet; a running node does it within seconds.',
  NEEDS_LOOK: 'Needs a look: {words}. `kizuna doctor` says what to do.',
  PARTS_DOWN: 'Does not work: {parts}.',
  PARTS_IMPAIRED: 'Does not work fully: {parts}.',
  UNREADABLE: '{count} {count|thing|things} cannot be read now: too few copies can be reached.',
} as const

/** Everything that commands can find about a node or a content, by code; the codes are stable. */
export const FINDINGS = { ...DIAGNOSIS_FINDINGS, ...NODE_FINDINGS, ...VERDICT_FINDINGS } as const

/** The code of a finding. */
export type FindingCode = keyof typeof FINDINGS

/** The steps of `doctor`, those of a read first. */
export const STEPS = [...DIAGNOSIS_STEPS, 'addresses', 'peers', 'space', 'disk', 'state', 'leaving'] as const

/** A step of `doctor`. */
export type StepName = (typeof STEPS)[number]

/** A finding about the node itself. */
export const nodeFinding = findingsWith({ ...NODE_FINDINGS, ...VERDICT_FINDINGS } as const)
