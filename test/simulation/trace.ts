import { createHash } from 'node:crypto'

/** What happened in a run, in order, as one hash: two runs of one seed must give the same. */
export class Trace {
  readonly #hash = createHash('sha256')
  #events = 0

  get events(): number {
    return this.#events
  }

  note(...fields: readonly (string | number)[]): void {
    this.#events++
    this.#hash.update(`${fields.join(' ')}\n`)
  }

  /** The hash of everything so far; more may follow. */
  get stateHash(): string {
    return this.#hash.copy().digest('hex').slice(0, 32)
  }
}
