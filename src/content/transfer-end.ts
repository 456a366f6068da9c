import type { ContentId } from '../core/content-id.ts'
import {
  ContentCorruptError,
  ContentNotFoundError,
  ContentRefusedError,
  ContentUnreachableError,
} from './errors.ts'
import type { Source, SourcePool } from './source-pool.ts'

/** Whether waiting makes sense: a holder that is only away may come back; one that said no, refused or lied will not. */
export function mayStillCome(pool: SourcePool): boolean {
  return [...pool.all()].some(
    ({ down, knownHolder, excluded }) => down && knownHolder && excluded === undefined,
  )
}

/** The one reason why a transfer cannot go on, from what its sources said and did. */
export function whyTransferEnds(
  pool: SourcePool,
  facts: {
    root: ContentId
    /** Chunks that nobody can give now. */
    stuck: ReadonlySet<ContentId>
    missingChunks: number
    /** Our own copy of a chunk was found damaged. */
    damagedHere: boolean
    /** The manifest was found, so somebody has the content. */
    foundBefore: boolean
  },
): Error {
  const { root, missingChunks } = facts
  const sources = [...pool.all()]
  const asked = pool.asked()
  const some = (test: (source: Source) => boolean) => sources.some(test)
  const lacks = (source: Source) => [...facts.stuck].every((id) => pool.has(source, id) === 'no')
  if (
    some((source) => source.knownHolder && source.excluded === undefined && (source.down || !lacks(source)))
  ) {
    return new ContentUnreachableError({ id: root, asked, missingChunks })
  }
  if (some(({ excluded }) => excluded === 'corrupt')) {
    return new ContentCorruptError({ id: root, reason: 'those who have it send wrong bytes', asked })
  }
  if (facts.damagedHere || some(({ damaged }) => damaged)) {
    return new ContentCorruptError({ id: root, reason: 'every copy that can be reached is damaged', asked })
  }
  if (some(({ excluded, knownHolder }) => excluded === 'refused' && knownHolder)) {
    return new ContentRefusedError({ id: root, asked })
  }
  if (facts.foundBefore) return new ContentUnreachableError({ id: root, asked, missingChunks })
  return new ContentNotFoundError({ id: root, asked })
}
