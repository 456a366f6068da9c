import type { FindingCode, StepName } from '../../../commands/findings.ts'
import type { DegradedWord } from '../../../node/node-state.ts'

type FindingKey = `finding.${FindingCode}` | `step.${StepName}` | `look.${DegradedWord}`

/** What `doctor` and `status` find, by code, in English; a finding without words does not compile. */
export const englishFindings = {
  'step.id': 'Id',
  'step.local': 'On this node',
  'step.manifest': 'Manifest',
  'step.providers': 'Who has it',
  'step.connect': 'Connection',
  'step.permission': 'Permission',
  'step.chunks': 'Chunks',
  'step.integrity': 'Soundness',
  'step.addresses': 'Addresses',
  'step.peers': 'Peers',
  'step.space': 'Space',
  'step.disk': 'Disk',
  'step.state': 'State',
  'step.leaving': 'Leaving',

  'look.disk-nearly-full': 'the disk is nearly full',
  'look.disk-unreadable': 'the disk does not answer',
  'look.chunks-unreadable': 'the disk refuses to read some chunks',
  'look.not-listening': 'the node does not listen',
  'look.repair-behind': 'repair is far behind',

  'finding.ID_VALID': '{id} is a content id.',
  'finding.MANIFEST_HERE': 'Its manifest is on this node.',
  'finding.MANIFEST_ELSEWHERE': 'Its manifest is not on this node; peers are asked.',
  'finding.MANIFEST_READ': 'Size {sizeBytes}; chunks: {chunks}.',
  'finding.MANIFEST_UNREADABLE': '{reason}',
  'finding.PROVIDERS_COUNTED': 'Peers that may have it: {candidates}; that say they do: {holding}.',
  'finding.PEERS_REACHED': 'Peers that can be reached: {reached} of {asked}; that cannot: {away}.',
  'finding.READ_REFUSED': 'Peers that refuse to serve this node: {count}.',
  'finding.READ_ALLOWED': 'Nobody refuses this node.',
  'finding.CHUNKS_LOST': 'With nobody in reach: {lost} of {chunks} chunks.',
  'finding.CHUNKS_THERE': 'Every chunk can be had.',
  'finding.CHUNKS_REBUILT': 'Every chunk can be had; rebuilt from parity: {rebuilt}.',
  'finding.COPIES_UNREAD': 'No copy of it could be read.',
  'finding.COPIES_WHOLE': 'Every chunk that was read to check it is whole: {read}.',
  'finding.COPIES_DAMAGED':
    'Machines with damaged or lost copies: {machines}; every chunk is whole somewhere.',
  'finding.COPIES_DAMAGED_HERE':
    'Machines with damaged or lost copies: {machines}, this one too; every chunk is whole somewhere.',
  'finding.COPIES_SPOILT':
    'Machines with damaged or lost copies: {machines}; chunks with no whole copy in reach: {spoilt}.',
  'finding.COPIES_SPOILT_HERE':
    'Machines with damaged or lost copies: {machines}, this one too; chunks with no whole copy in reach: {spoilt}.',

  'finding.ADDRESSES_DIALABLE': 'Addresses of this node that others can dial: {count}.',
  'finding.ADDRESSES_NONE': 'This node has no address that others could dial.',
  'finding.PEERS_CONNECTED': 'Connected peers: {count}; through a relay: {relayed}.',
  'finding.PEERS_AWAY': 'No other member can be reached now; there are {count}.',
  'finding.PEERS_ALONE': 'This node is alone in its space. {invite} lets another machine in.',
  'finding.SPACE_OPEN':
    'The space is open: whoever reaches a member can join and read. `kizuna config set admission invite` closes it.',
  'finding.SPACE_CLOSED': 'The space is closed: newcomers need an invite.',
  'finding.DISK_FREE': '{freeBytes} are free.',
  'finding.STATE_WELL': 'Nothing needs a look.',
  'finding.STATE_LOOK': 'Needs a look: {words}.',
  'finding.LEAVING_LEFT':
    'Somebody asked this node to leave ({since}), and it has left: it answers nobody. Started again, it is a member again.',
  'finding.LEAVING_HANDS_OVER':
    'Somebody asked this node to leave ({since}); it hands over what others need of it. `kizuna leave --cancel` calls it off.',
  'finding.LEAVING_WAITS':
    'Somebody asked this node to leave ({since}); it goes on when another member is there. `kizuna leave --cancel` calls it off.',
  'finding.LEAVING_STUCK':
    'Somebody asked this node to leave ({since}). It waits, because nobody has room: things that would be lost: {lost}, with fewer copies: {weaker}. Invite somebody with room, or `kizuna leave --force` loses them; `kizuna leave --cancel` calls it off.',
  'finding.DISK_WHOLE': 'Every chunk on this node is whole.',
  'finding.DISK_DAMAGED':
    'Damaged chunks, which are fetched again now: {damaged}; chunks that the disk cannot read: {unreadable}.',

  'finding.ALL_WELL': 'Everything is well.',
  'finding.ALL_WELL_ALONE':
    'Everything is well, but this node is alone: what is shared here has one copy. {invite} lets another machine in.',
  'finding.NOTHING_BROKEN': 'Nothing is broken.',
  'finding.COPIES_FEW_ALONE':
    'Things with fewer copies than wanted: {count}, because this node is the only member. {invite} lets another machine in.',
  'finding.COPIES_FEW_MEMBERS':
    'Things with fewer copies than wanted: {count}, because the space has {members} members and {copies} copies are wanted. {invite} lets another machine in.',
  'finding.COPIES_FEW':
    'Things with fewer copies than wanted for now: {count}. More are made as soon as members with room are there.',
  'finding.COPIES_UNCOUNTED': 'The copies are not counted yet; a running node does it within seconds.',
  'finding.NEEDS_LOOK': 'Needs a look: {words}. {doctor} says what to do.',
  'finding.PARTS_DOWN': 'Does not work: {parts}.',
  'finding.PARTS_IMPAIRED': 'Does not work fully: {parts}.',
  'finding.UNREADABLE': 'Things that cannot be read now, because too few copies can be reached: {count}.',
} as const satisfies Readonly<Record<FindingKey, string>>

/** The same in another language. */
export type FindingWords = Readonly<Record<keyof typeof englishFindings, string>>
