import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { BufferPool } from '../core/buffer-pool.ts'
import { type ContentId, contentIdFromDigest, contentIdOf } from '../core/content-id.ts'
import {
  type ContentManifest,
  encodeManifest,
  encodeManifestPage,
  PAGE_CHUNKS_MAX,
} from '../storage/content-manifest.ts'
import { type TestNode, TestSpace } from './space-under-test.suite.ts'

const CHUNK_BYTES = 262_144
/** Its page is long enough for memory of the pool. */
const CHUNKS = 3_000

const ids = (count: number): ContentId[] =>
  Array.from({ length: count }, (_, index) => contentIdFromDigest(hash('sha256', `${index}`, 'buffer')))

function manifestOf(chunkCount: number, rest: Pick<ContentManifest, 'body' | 'pages'>): Uint8Array {
  return encodeManifest({
    profile: 'dds-256k',
    sizeBytes: chunkCount * CHUNK_BYTES,
    chunkCount,
    k: 0,
    m: 0,
    kind: 'file',
    sha256: hash('sha256', 'whatever', 'buffer'),
    encryption: undefined,
    ...rest,
  })
}

/** A pool that remembers which memory it handed out. */
function watchedPool(): { buffers: BufferPool; lent: Set<ArrayBufferLike>; notBack: () => number } {
  const buffers = new BufferPool({ poison: true })
  const lent = new Set<ArrayBufferLike>()
  const take = buffers.take.bind(buffers)
  buffers.take = (sizeBytes) => {
    const bytes = take(sizeBytes)
    if (bytes.buffer instanceof SharedArrayBuffer) lent.add(bytes.buffer)
    return bytes
  }
  return {
    buffers,
    lent,
    notBack: () => {
      const again = new Set([...lent].map(({ byteLength }) => take(byteLength).buffer))
      return [...lent].filter((memory) => !again.has(memory)).length
    },
  }
}

describe('reading manifests', () => {
  let space: TestSpace
  let holder: TestNode
  beforeEach(async () => {
    space = new TestSpace()
    holder = await space.addNode()
  })
  afterEach(() => space.stop())

  test('the memory of a long manifest goes back to the pool', async () => {
    const { buffers, lent, notBack } = watchedPool()
    const reader = await space.addNode({ stores: false, buffers })
    const body = { chunkIds: ids(CHUNKS), parityIds: [], chunkSizes: [] }
    const root = await put(holder, manifestOf(CHUNKS, { body, pages: [] }))
    const { sizeBytes } = await reader.content.retrieve(root)
    assert.equal(sizeBytes, CHUNKS * CHUNK_BYTES)
    assert.ok(lent.size > 0)
    assert.equal(notBack(), 0)
  })

  test('the memory of its pages goes back to the pool', async () => {
    const { buffers, lent, notBack } = watchedPool()
    const reader = await space.addNode({ stores: false, buffers })
    const chunkIds = ids(PAGE_CHUNKS_MAX + CHUNKS)
    const pages: ContentManifest['pages'][number][] = []
    for (const from of [0, PAGE_CHUNKS_MAX]) {
      const page = chunkIds.slice(from, from + PAGE_CHUNKS_MAX)
      const id = await put(holder, encodeManifestPage({ chunkIds: page, parityIds: [], chunkSizes: [] }))
      pages.push({ id, sizeBytes: page.length * CHUNK_BYTES })
    }
    const root = await put(holder, manifestOf(chunkIds.length, { body: undefined, pages }))
    const { sizeBytes } = await reader.content.retrieve(root)
    assert.equal(sizeBytes, chunkIds.length * CHUNK_BYTES)
    assert.ok(lent.size > 0)
    assert.equal(notBack(), 0)
  })
})

async function put(node: TestNode, bytes: Uint8Array): Promise<ContentId> {
  const id = contentIdOf(bytes)
  await node.chunks.put(id, bytes)
  return id
}
