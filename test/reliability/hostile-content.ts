/** Some content with all its chunks, and forged manifests of it, for r-04 and others that need something to lie about. */
import { hash } from 'node:crypto'
import { sourceOf, TestSpace } from '../../src/content/space-under-test.suite.ts'
import type { ContentId } from '../../src/core/content-id.ts'
import { SeededRandom } from '../../src/core/random.ts'

export interface HostileContent {
  name: string
  id: ContentId
  whole: Buffer
  /** Manifest, data and parity by id. */
  chunks: ReadonlyMap<ContentId, Uint8Array>
  /** Some chunk of other content. */
  other: Uint8Array
  /** A manifest of other content. */
  forgedManifest: Uint8Array
  /** Its own manifest with another whole hash. */
  forgedHash: Uint8Array
}

const SIZES = { 'one chunk': 200_000, 'four chunks': 900_000, 'sixteen chunks': 4 * 2 ** 20 }

/** Publishes the samples in a space of their own. */
export async function publishSamples(): Promise<HostileContent[]> {
  const space = new TestSpace()
  const node = await space.addNode()
  const other = await node.content.publish(sourceOf(new SeededRandom(99).bytes(500_000)), {
    policy: { kind: 'replica', copies: 1 },
  })
  const forgedManifest = await node.chunks.get(other.id)
  const samples: HostileContent[] = []
  for (const [name, sizeBytes] of Object.entries(SIZES)) {
    const whole = Buffer.from(new SeededRandom(sizeBytes).bytes(sizeBytes))
    const before = await node.stored()
    const { id } = await node.content.publish(sourceOf(whole), { policy: { kind: 'replica', copies: 1 } })
    const chunks = new Map<ContentId, Uint8Array>()
    for (const chunk of (await node.stored()).difference(before))
      chunks.set(chunk, await node.chunks.get(chunk))
    const otherChunk = [...before].find((chunk) => chunk !== other.id)
    const manifest = chunks.get(id)
    if (otherChunk === undefined || manifest === undefined)
      throw new Error('the samples are not what they should be')
    samples.push({
      name,
      id,
      whole,
      chunks,
      other: await node.chunks.get(otherChunk),
      forgedManifest,
      forgedHash: withOtherHash(manifest, whole),
    })
  }
  await space.stop()
  return samples
}

function withOtherHash(manifest: Uint8Array, whole: Uint8Array): Uint8Array {
  const at = Buffer.from(manifest).indexOf(hash('sha256', whole, 'buffer'))
  if (at < 0) throw new Error('the manifest does not hold its whole hash')
  const forged = Uint8Array.from(manifest)
  forged[at] = (forged[at] ?? 0) ^ 1
  return forged
}
