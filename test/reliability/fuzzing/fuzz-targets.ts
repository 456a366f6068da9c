import type { FuzzTarget } from './fuzz-target.ts'
import { NETWORK_TARGETS } from './network-targets.ts'
import { RECORD_TARGETS } from './record-targets.ts'
import { TEXT_TARGETS } from './text-targets.ts'
import { WIRE_TARGETS } from './wire-targets.ts'

/** Every parser of bytes or text from outside. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...WIRE_TARGETS,
  ...NETWORK_TARGETS,
  ...RECORD_TARGETS,
  ...TEXT_TARGETS,
]
