import { KizunaError } from '../core/kizuna-error.ts'

/** Thrown when fewer shards of a stripe are left than it takes to rebuild it. */
export class NotEnoughShardsError extends KizunaError {
  override name = 'NotEnoughShardsError'
  constructor(facts: { needed: number; given: number }) {
    super({
      code: 'NOT_ENOUGH_SHARDS',
      kind: 'missing',
      message: `${facts.needed} shards are needed to rebuild a stripe and only ${facts.given} could be had.`,
      hint: 'Wait until more of the peers that hold it are back; nothing else can replace them.',
      details: facts,
    })
  }
}
