import type { DurabilityPolicy } from '../content/content.ts'
import { InvalidInputError } from '../core/errors.ts'

const COPIES_MAX = 64
const SHARDS_MAX = 255

/** A policy as people write it: `replica:3` or `rs:10+4`. @throws InvalidInputError */
export function parsePolicy(text: string): DurabilityPolicy {
  const replica = /^replica:(\d{1,2})$/.exec(text)
  if (replica !== null && Number(replica[1]) >= 1 && Number(replica[1]) <= COPIES_MAX) {
    return { kind: 'replica', copies: Number(replica[1]) }
  }
  const coded = /^rs:(\d{1,3})\+(\d{1,3})$/.exec(text)
  const [k, m] = [Number(coded?.[1]), Number(coded?.[2])]
  if (coded !== null && k >= 1 && m >= 1 && k + m <= SHARDS_MAX) return { kind: 'rs', k, m }
  throw new InvalidInputError({
    what: 'The policy',
    reason: `“${text.slice(0, 32)}” is not one`,
    hint: 'Write `replica:3` for three whole copies, or `rs:10+4` for 10 data and 4 parity shards.',
  })
}

/** The same of a record, which another version may have written: undefined when it is none here. */
export function readPolicy(text: string | undefined): DurabilityPolicy | undefined {
  try {
    return text === undefined ? undefined : parsePolicy(text)
  } catch {
    return undefined
  }
}

/** The same in text. */
export function formatPolicy(policy: DurabilityPolicy): string {
  return policy.kind === 'replica' ? `replica:${policy.copies}` : `rs:${policy.k}+${policy.m}`
}

/** The policy that input and settings ask for; undefined leaves the choice to the content's size and the community. */
export function choosePolicy(
  input: { copies?: number | undefined; policy?: string | undefined },
  settings: { copies: number; policy: string },
): DurabilityPolicy | undefined {
  if (input.policy !== undefined && input.copies !== undefined) {
    throw new InvalidInputError({
      what: 'The durability',
      reason: 'copies and policy are both given',
      hint: 'Give one of them.',
    })
  }
  if (input.copies !== undefined) return { kind: 'replica', copies: input.copies }
  if (input.policy !== undefined && input.policy !== 'auto') return parsePolicy(input.policy)
  if (settings.policy !== 'auto') return parsePolicy(settings.policy)
  return undefined
}
