/** A part of the node that keeps something about people. Whoever adds such a part adds a source. */
export interface PersonalDataSource {
  /** One or two words for people, such as `command history`. */
  readonly name: string
  /** Everything kept about a caller's id, as plain JSON items, a bounded number in memory at a time. */
  exportOf(person: string): AsyncIterable<unknown>
  /** Erases it for good; returns how many items that were. May be called again. */
  eraseOf(person: string): Promise<number>
}

/** All sources of a node, so that one command can show and erase what is known about somebody. */
export class PersonalDataRegistry {
  readonly #sources: PersonalDataSource[] = []

  add(source: PersonalDataSource): void {
    this.#sources.push(source)
  }

  sources(): readonly PersonalDataSource[] {
    return this.#sources
  }
}
