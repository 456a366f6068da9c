import type { Clock, Timer } from '../core/clock.ts'

/** A group gathers at most so many times as long as the last commit took, … */
const GATHER_FACTOR = 3
/** … and never longer than this (ms). */
const GATHER_MS_MAX = 50

/** Someone who waits for the commit of one item. */
interface Waiting<Item> {
  item: Item
  resolve: () => void
  reject: (error: unknown) => void
}

/** When a group waits for others that are on their way. */
export interface Gathering {
  clock: Clock
  /** Whether there are others; asked when an item comes. */
  isMore: () => boolean
}

/** How groups are made. */
export interface GroupCommitOptions {
  itemsMax: number
  /** @default nobody is waited for */
  gathering?: Gathering
}

/**
 * Commits items in groups: while one group is being made durable, the next gathers, so that one sync
 * serves many. One commit runs at a time; a lone item does not wait.
 */
export class GroupCommit<Item> {
  readonly #commit: (items: Item[]) => Promise<void>
  readonly #options: GroupCommitOptions
  #waiting: Waiting<Item>[] = []
  #running = false
  #gatherMs = 0
  /** Ends the gathering that is going on. */
  #go: () => void = () => {}

  /** @param commit all or nothing; its error is everybody's in the group. */
  constructor(commit: (items: Item[]) => Promise<void>, options: GroupCommitOptions) {
    this.#commit = commit
    this.#options = options
  }

  /** Resolves when the item's group is committed. */
  add(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#running) void this.#run()
      else this.lookAgain()
    })
  }

  /** To be called when fewer others are on their way. */
  lookAgain(): void {
    if (this.#isWhole()) this.#go()
  }

  async #run(): Promise<void> {
    const { gathering, itemsMax } = this.#options
    this.#running = true
    while (this.#waiting.length > 0) {
      if (gathering !== undefined && this.#gatherMs > 0 && !this.#isWhole()) await this.#gather(gathering)
      const group = this.#waiting.splice(0, itemsMax)
      const begin = gathering?.clock.monotonic() ?? 0
      try {
        await this.#commit(group.map(({ item }) => item))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
      const commitMs = (gathering?.clock.monotonic() ?? 0) - begin
      this.#gatherMs = Math.min(commitMs * GATHER_FACTOR, GATHER_MS_MAX)
    }
    this.#running = false
  }

  #isWhole(): boolean {
    const { gathering, itemsMax } = this.#options
    return this.#waiting.length >= itemsMax || gathering?.isMore() !== true
  }

  /** Resolves when the group is whole, or has waited long enough. */
  async #gather({ clock }: Gathering): Promise<void> {
    let timer: Timer | undefined
    await new Promise<void>((resolve) => {
      this.#go = resolve
      timer = clock.after(this.#gatherMs, resolve)
    })
    timer?.stop()
    this.#go = () => {}
  }
}
