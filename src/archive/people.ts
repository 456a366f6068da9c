import type { IndexDatabase } from '../storage/index-database.ts'

/** Somebody who said something, or who wants nothing of theirs kept. */
export interface PersonRow {
  no: number
  name: string
  /** When they opted out; null while they take part. */
  left_at: number | null
  /** What they said until then is erased and stays so. */
  erased_until: number | null
}

/** Who said what is kept here, and who does not want it. */
export class People {
  readonly #database: IndexDatabase

  constructor(database: IndexDatabase) {
    this.#database = database
  }

  find(id: string): PersonRow | undefined {
    return this.#database.get<PersonRow>(
      'SELECT no, name, left_at, erased_until FROM person WHERE id = ?',
      id,
    )
  }

  /** The person's row, made if need be, with this as the latest name. */
  meet(id: string, name: string): PersonRow {
    const known = this.find(id)
    if (known === undefined) {
      this.#database.run('INSERT INTO person (id, name) VALUES (?, ?)', id, name)
      return this.find(id) as PersonRow
    }
    if (name !== '' && known.name !== name)
      this.#database.run('UPDATE person SET name = ? WHERE no = ?', name, known.no)
    return known
  }

  leave(id: string, at: number): void {
    // Of somebody who left nothing is known but that.
    const { no } = this.meet(id, '')
    this.#database.run("UPDATE person SET left_at = ?, name = '' WHERE no = ?", at, no)
  }

  comeBack(id: string): void {
    this.#database.run('UPDATE person SET left_at = NULL WHERE id = ?', id)
  }

  /** Says that nothing said until then may be kept; forgetting it is `erase.ts`. */
  forbidUntil(id: string, until: number): void {
    const { no } = this.meet(id, '')
    this.#database.run(
      "UPDATE person SET erased_until = max(coalesce(erased_until, 0), ?), name = '' WHERE no = ?",
      until,
      no,
    )
  }
}
