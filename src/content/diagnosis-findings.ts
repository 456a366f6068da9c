import { findingsWith } from '../core/finding.ts'

/** The steps of a read, in their order. */
export const DIAGNOSIS_STEPS = [
  'id',
  'local',
  'manifest',
  'providers',
  'connect',
  'permission',
  'chunks',
  'integrity',
] as const

/** What a diagnosis can find, by code; the codes are stable. */
export const DIAGNOSIS_FINDINGS = {
  ID_VALID: '{id} is a content id.',
  MANIFEST_HERE: 'Its manifest is on this machine.',
  MANIFEST_ELSEWHERE: 'Its manifest is not on this machine; peers are asked.',
  MANIFEST_READ: 'It has {chunks} chunks and {sizeBytes} bytes.',
  // Besides the sentence of what went wrong: `error`, its code, and `kind`.
  MANIFEST_UNREADABLE: '{message}',
  PROVIDERS_COUNTED: '{candidates} peers may have it; {holding} say they do.',
  PEERS_REACHED: '{reached} of {asked} peers can be reached, {away} cannot.',
  READ_REFUSED: '{count} peers refuse to serve us.',
  READ_ALLOWED: 'Nobody refuses us.',
  CHUNKS_LOST: '{lost} of {chunks} chunks are with nobody we can reach.',
  CHUNKS_THERE: 'Every chunk can be had.',
  CHUNKS_REBUILT: 'Every chunk can be had, {rebuilt} of them rebuilt from parity.',
  COPIES_UNREAD: 'No copy of it could be read.',
  COPIES_WHOLE: 'All {read} chunks that were read to check them are whole.',
  COPIES_DAMAGED:
    '{machines} {machines|machine has|machines have} damaged or lost copies; every chunk is whole somewhere.',
  COPIES_DAMAGED_HERE:
    '{machines} {machines|machine has|machines have} damaged or lost copies, this one too; every chunk is whole somewhere.',
  COPIES_SPOILT:
    '{machines} {machines|machine has|machines have} damaged or lost copies; of {spoilt} chunks no whole one is left within reach.',
  COPIES_SPOILT_HERE:
    '{machines} {machines|machine has|machines have} damaged or lost copies, this one too; of {spoilt} chunks no whole one is left within reach.',
} as const

/** A finding of a diagnosis. */
export const diagnosisFinding = findingsWith(DIAGNOSIS_FINDINGS)
