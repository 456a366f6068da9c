/** Someone who waits for the commit of one item. */
interface Waiting<Item> {
  item: Item
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * Commits items in groups: while one group is being made durable, the next gathers, so that one sync
 * serves many. One commit runs at a time; a lone item does not wait.
 */
export class GroupCommit<Item> {
  readonly #commit: (items: Item[]) => Promise<void>
  readonly #itemsMax: number
  #waiting: Waiting<Item>[] = []
  #running = false

  /** @param commit all or nothing; its error is everybody's in the group. */
  constructor(commit: (items: Item[]) => Promise<void>, options: { itemsMax: number }) {
    this.#commit = commit
    this.#itemsMax = options.itemsMax
  }

  /** Resolves when the item's group is committed. */
  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#itemsMax)
      try {
        await this.#commit(group.map(({ item }) => item))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = false
  }
}
