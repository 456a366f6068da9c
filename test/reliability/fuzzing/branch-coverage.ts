import { type Profiler, Session } from 'node:inspector/promises'

/**
 * Which branches of our own source have been reached, as V8 counts them. Looking costs some milliseconds, so a batch of
 * inputs is looked at together, and halved until the inputs are found that reached something new.
 */
export class BranchCoverage {
  readonly #session = new Session()
  readonly #reached = new Set<string>()

  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  get branches(): number {
    return this.#reached.size
  }

  /** Forgets what was counted since the last look. */
  async fresh(): Promise<void> {
    await this.#take()
  }

  /** Those inputs of a batch, already run once since the last look, that reached something nobody had reached. */
  async whoReachedNew(batch: readonly Uint8Array[], run: (input: Uint8Array) => void): Promise<Uint8Array[]> {
    const fresh = (await this.#take()).filter((branch) => !this.#reached.has(branch))
    if (fresh.length === 0) return []
    const found = await this.#search(batch, new Set(fresh), run)
    for (const branch of fresh) this.#reached.add(branch)
    return found
  }

  async #search(
    batch: readonly Uint8Array[],
    wanted: Set<string>,
    run: (input: Uint8Array) => void,
  ): Promise<Uint8Array[]> {
    if (batch.length === 1) return [...batch]
    const found: Uint8Array[] = []
    const middle = batch.length >> 1
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (wanted.size === 0) break
      for (const input of half) run(input)
      const here = new Set((await this.#take()).filter((branch) => wanted.has(branch)))
      if (here.size === 0) continue
      found.push(...(await this.#search(half, new Set(here), run)))
      for (const branch of here) wanted.delete(branch)
    }
    return found
  }

  /** Branches of our source that were run since the last look. */
  async #take(): Promise<string[]> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    return result
      .filter(({ url }) => url.includes('/src/') && !url.includes('node_modules'))
      .flatMap(branchesOf)
  }
}

function branchesOf({ url, functions }: Profiler.ScriptCoverage): string[] {
  return functions.flatMap(({ ranges }) =>
    ranges
      .filter(({ count }) => count > 0)
      .map(({ startOffset, endOffset }) => `${url}:${startOffset}-${endOffset}`),
  )
}
