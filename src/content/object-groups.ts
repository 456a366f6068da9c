import type { Clock } from '../core/clock.ts'
import type { ContentId } from '../core/content-id.ts'
import type { Logger } from '../core/log.ts'
import { chunkBytesOf } from './copy-maker.ts'
import type { ObjectFacts } from './dds-protocol.ts'
import type { ObjectManifest } from './object-manifest.ts'
import { groupsOf, type PlacementGroup } from './plan-copies.ts'

/** Ids remembered, of all objects together: about 100 bytes each. Manifests beyond that are read anew each time. */
const IDS_MAX = 200_000

const RETRY_MS_MIN = 5_000
const RETRY_MS_MAX = 10 * 60_000

/** The groups of an object, and how long its chunks may be. */
export interface KnownGroups {
  groups: readonly PlacementGroup[]
  chunkBytes: number
}

/** What remembering groups needs. */
export interface ObjectGroupsParts {
  loadManifest: (root: ContentId, signal: AbortSignal) => Promise<ObjectManifest>
  clock: Clock
  log: Logger
}

/** The groups of the objects kept here, so that not every look reads every manifest again. */
export class ObjectGroups {
  readonly #parts: ObjectGroupsParts
  readonly #known = new Map<string, KnownGroups & { root: ContentId; ids: number }>()
  /** Manifests that nobody could give are not asked for at every look: many of them would hold it up for hours. */
  readonly #failed = new Map<ContentId, { times: number; retryAt: number }>()
  #ids = 0

  constructor(parts: ObjectGroupsParts) {
    this.#parts = parts
  }

  /** Undefined when its manifest cannot be read now. */
  async of({ root, policy }: ObjectFacts, signal: AbortSignal): Promise<KnownGroups | undefined> {
    const key = `${root} ${JSON.stringify(policy)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const { clock, log } = this.#parts
    const failed = this.#failed.get(root)
    if (failed !== undefined && failed.retryAt > clock.monotonic()) return undefined
    let manifest: ObjectManifest
    try {
      manifest = await this.#parts.loadManifest(root, signal)
      this.#failed.delete(root)
    } catch (error) {
      if (signal.aborted) return undefined
      log.debug('manifest of a kept object not readable', { root, error })
      const times = (failed?.times ?? 0) + 1
      const retryAt = clock.monotonic() + Math.min(RETRY_MS_MIN * 2 ** (times - 1), RETRY_MS_MAX)
      this.#failed.set(root, { times, retryAt })
      return undefined
    }
    const groups = groupsOf(manifest.shape, policy)
    const ids = groups.reduce((sum, group) => sum + group.ids.length + group.places.length, 0)
    const found = { root, groups, chunkBytes: chunkBytesOf(manifest), ids }
    this.#known.set(key, found)
    this.#ids += ids
    for (const oldest of this.#known.keys()) {
      if (this.#ids <= IDS_MAX) break
      this.#forget(oldest)
    }
    return found
  }

  /** Only these are still kept here. */
  forgetOthers(roots: ReadonlySet<ContentId>): void {
    for (const [key, { root }] of this.#known) if (!roots.has(root)) this.#forget(key)
    for (const root of this.#failed.keys()) if (!roots.has(root)) this.#failed.delete(root)
  }

  #forget(key: string): void {
    this.#ids -= this.#known.get(key)?.ids ?? 0
    this.#known.delete(key)
  }
}
