import type { Clock, Timer } from '../core/clock.ts'
import type { PeerId } from '../core/signing-key.ts'
import type { IndexDatabase } from '../storage/index-database.ts'

/** Changes gather this long, or up to this many, before they are written down in one transaction. */
const WRITE_AFTER_MS = 1_000
const UNWRITTEN_MAX = 4_096

const MIGRATIONS = [
  `CREATE TABLE holding (peer TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (peer, digest)) WITHOUT ROWID, STRICT`,
]

/** Which member keeps which chunk, on the disk: written some time after it is known, and found again otherwise. */
export class HoldingTable {
  readonly #parts: { index: IndexDatabase; clock: Clock }
  readonly #truth: { keeps: (peer: PeerId, digest: Uint8Array) => boolean }
  /** What changed and is not in the index yet. */
  readonly #unwritten: { peer: PeerId; digest: Uint8Array }[] = []
  #writing: Timer | undefined

  /** @param truth what is known in memory, which is what gets written. */
  constructor(
    parts: { index: IndexDatabase; clock: Clock },
    truth: { keeps: (peer: PeerId, digest: Uint8Array) => boolean },
  ) {
    this.#parts = parts
    this.#truth = truth
    parts.index.migrate('holdings', MIGRATIONS)
  }

  *load(): Generator<{ peer: PeerId; digest: Uint8Array }> {
    const rows = this.#parts.index.iterate<{ peer: string; digest: Uint8Array }>(
      'SELECT peer, digest FROM holding',
    )
    for (const { peer, digest } of rows) yield { peer: peer as PeerId, digest }
  }

  /** These changed. */
  note(peer: PeerId, digests: readonly Uint8Array[]): void {
    for (const digest of digests) this.#unwritten.push({ peer, digest })
    if (this.#unwritten.length >= UNWRITTEN_MAX) this.write()
    else this.#writing ??= this.#parts.clock.after(WRITE_AFTER_MS, () => this.write())
  }

  /** A crash loses what is not written yet; the next comparison finds it again. */
  write(): void {
    this.#writing?.stop()
    this.#writing = undefined
    const { index } = this.#parts
    const changes = this.#unwritten.splice(0)
    if (changes.length === 0) return
    index.transaction(() => {
      for (const { peer, digest } of changes) {
        const sql = this.#truth.keeps(peer, digest)
          ? 'INSERT OR IGNORE INTO holding (peer, digest) VALUES (?, ?)'
          : 'DELETE FROM holding WHERE peer = ? AND digest = ?'
        index.run(sql, peer, digest)
      }
    })
  }
}
