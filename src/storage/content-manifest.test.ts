/** The manifest's bytes are frozen by golden vectors; everything malformed is refused, whatever it is. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ContentId, contentIdOf } from '../core/content-id.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import {
  type ContentManifest,
  chunksPerPage,
  decodeManifest,
  decodeManifestPage,
  encodeManifest,
  PAGE_CHUNKS_MAX,
  PAGE_IDS_MAX,
  PAGES_MAX,
} from './content-manifest.ts'
import { ManifestBuilder, type ManifestOptions } from './manifest-builder.ts'
import { ManifestLayout } from './manifest-layout.ts'
import { ContentKind, ContentManifest as ManifestMessage } from './manifest-messages.js'

const invalid = (error: unknown) => isKizunaError(error, 'INVALID_MANIFEST')
const sha256Of = (text: string) => hash('sha256', text, 'buffer')
const idOf = (index: number) => contentIdOf(Buffer.from(`chunk ${index}`))

function build(options: ManifestOptions, sizes: readonly number[]) {
  const builder = new ManifestBuilder(options)
  const { k = 0, m = 0 } = options
  const pages = new Map<ContentId, Uint8Array>()
  const take = (chunks: { id: ContentId; bytes: Uint8Array }[]) => {
    for (const { id, bytes } of chunks) pages.set(id, bytes)
  }
  for (const [index, size] of sizes.entries()) {
    builder.addChunk(idOf(index), size)
    if (k > 0 && ((index + 1) % k === 0 || index === sizes.length - 1)) {
      const stripe = Math.floor(index / k)
      builder.addParity(Array.from({ length: m }, (_, shard) => idOf(-1 - stripe * m - shard)))
    }
    take(builder.takePages())
  }
  const built = builder.finish({ sha256: sha256Of('content') })
  take(built.pages)
  const reads: ContentId[] = []
  const layout = new ManifestLayout(decodeManifest(built.chunk.bytes), async (id) => {
    reads.push(id)
    return pages.get(id) ?? new Uint8Array(0)
  })
  return { ...built, pages, layout, reads }
}

const fixedSizes = (count: number, length: number, last = length) =>
  Array.from({ length: count }, (_, index) => (index === count - 1 ? last : length))

/** A manifest of one chunk: `hello world`. */
function hello(): ContentManifest {
  const builder = new ManifestBuilder({ profile: 'dds-256k' })
  builder.addChunk(contentIdOf(Buffer.from('hello world')), 11)
  return builder.finish({ sha256: sha256Of('hello world') }).manifest
}

test('a plain manifest has exactly the DDS plan’s three fields, byte for byte [S-03] [S-05] [S-07] [S-23] [S-24]', () => {
  const bytes = encodeManifest(hello())
  assert.equal(
    Buffer.from(bytes).toString('hex'),
    '0a2c' +
      Buffer.from('DULfJyE3WQqNxy3ymuhAChyNR3yufT88pmqvAazKFMG4').toString('hex') +
      '1220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9' +
      '180b',
  )
  assert.equal(contentIdOf(bytes), HELLO_MANIFEST_ID)
  const { body, sha256, sizeBytes } = decodeManifest(bytes)
  assert.deepEqual(body?.chunkIds, [contentIdOf(Buffer.from('hello world'))])
  assert.equal(sha256.byteLength, 32)
  assert.equal(sizeBytes, 11)
})

test('every field has its number and form for good [S-03] [S-23]', () => {
  const { manifest } = build(
    {
      profile: 'cdc',
      kind: 'folder',
      k: 2,
      m: 1,
      encryption: { scheme: 'x/1', parameters: Uint8Array.of(7) },
    },
    [70_000, 80_000, 5],
  )
  const base58 = (index: number) => Buffer.from(GOLDEN_CIDS[index] ?? '').toString('hex')
  const digestHex = (index: number) => hash('sha256', `chunk ${index}`)
  assert.equal(
    Buffer.from(encodeManifest(manifest)).toString('hex'),
    [0, 1, 2].map((index) => `0a${(GOLDEN_CIDS[index] ?? '').length.toString(16)}${base58(index)}`).join('') +
      `1220${hash('sha256', 'content')}` +
      '18f59309' + // 150,005 bytes
      '820103636463' + // 16: "cdc"
      `8a0120${digestHex(-1)}` + // 17
      `8a0120${digestHex(-2)}` +
      '900102' + // 18: k
      '980101' + // 19: m
      'a201080a03782f31120107' + // 20: the header
      'b2010c701101008038010005000000' + // 22: sizes
      'b80101', // 23: folder
  )
})

test('empty content has a manifest without chunks', () => {
  const { manifest, chunk, layout } = build({ profile: 'dds-256k', k: 4, m: 2 }, [])
  assert.equal(manifest.chunkCount, 0)
  assert.deepEqual(decodeManifest(chunk.bytes), manifest)
  assert.equal(layout.stripeCount, 0)
  assert.equal(layout.chunkCount, 0)
})

test('the same manifest has the same bytes and id, another one has others [S-07]', () => {
  const first = build({ profile: 'dds-256k' }, [262_144, 9])
  const second = build({ profile: 'dds-256k' }, [262_144, 9])
  const other = build({ profile: 'dds-256k' }, [262_144, 10])
  assert.equal(first.chunk.id, second.chunk.id)
  assert.notEqual(first.chunk.id, other.chunk.id)
  assert.equal(first.chunk.id, contentIdOf(first.chunk.bytes))
})

test('manifests of every shape read back as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        profile: fc.constantFrom('dds-256k', 'swarm-1m', 'swarm-2m', 'cdc'),
        kind: fc.constantFrom('file', 'folder'),
        parity: fc.option(
          fc.record({ k: fc.integer({ min: 1, max: 20 }), m: fc.integer({ min: 1, max: 20 }) }),
        ),
        scheme: fc.option(fc.stringMatching(/^[!-~]{1,64}$/)),
        parameters: fc.uint8Array({ maxLength: 256 }),
        sizes: fc.array(fc.integer({ min: 1, max: 1_048_576 }), { maxLength: 30 }),
      }),
      async ({ profile, kind, parity, scheme, parameters, sizes }) => {
        const length = { 'dds-256k': 262_144, 'swarm-1m': 1_048_576, 'swarm-2m': 2_093_056, cdc: 0 }[profile]
        const all =
          length === 0 ? sizes : fixedSizes(sizes.length, length, (sizes.at(-1) ?? 1) % length || length)
        const options: ManifestOptions = {
          profile,
          kind,
          ...(parity ?? {}),
          encryption: scheme === null ? undefined : { scheme, parameters },
        }
        const { manifest, chunk, layout } = build(options, all)
        assert.deepEqual(decodeManifest(chunk.bytes), manifest)
        let offset = 0
        for (const [index, sizeBytes] of all.entries()) {
          assert.deepEqual(await layout.chunk(index), { index, id: idOf(index), offset, sizeBytes })
          offset += sizeBytes
        }
        assert.equal(offset, manifest.sizeBytes)
      },
    ),
    { numRuns: 60 },
  )
})

test('a manifest of more than 4,096 chunks has pages, read only when needed', async () => {
  const sizes = fixedSizes(3 * 4_096 + 1, 262_144, 100)
  const { manifest, layout, reads, pages, chunk } = build({ profile: 'dds-256k' }, sizes)
  assert.equal(manifest.pages.length, 4)
  assert.ok(chunk.bytes.byteLength < 300)
  assert.equal(pages.size, 4)
  const last = await layout.chunk(3 * 4_096)
  assert.deepEqual(last, {
    index: 3 * 4_096,
    id: idOf(3 * 4_096),
    offset: 3 * 4_096 * 262_144,
    sizeBytes: 100,
  })
  assert.equal(reads.length, 1)
  assert.deepEqual(await layout.chunksOfRange({ offset: 262_143, length: 2 }), { from: 0, to: 2 })
  assert.equal(reads.length, 1, 'fixed chunks are found without their page')
  const ids: ContentId[] = []
  for await (const place of layout.chunks()) ids.push(place.id)
  assert.deepEqual(
    ids,
    sizes.map((_, index) => idOf(index)),
  )
  const all: ContentId[] = []
  for await (const id of layout.ids()) all.push(id)
  assert.deepEqual(new Set(all), new Set([...pages.keys(), ...ids]))
})

test('pages hold whole stripes, and content-defined chunks are found in them by byte', async () => {
  const options = { profile: 'cdc', k: 10, m: 4 } as const
  const sizes = Array.from({ length: 9_001 }, (_, index) => 65_537 + (index % 7) * 1_000)
  const { manifest, layout } = build(options, sizes)
  assert.equal(chunksPerPage(options), 4_090)
  assert.equal(manifest.pages.length, 3)
  let offset = 0
  for (const [index, size] of sizes.entries()) {
    if ([0, 4_089, 4_090, 8_179, 8_180, 9_000].includes(index)) {
      const places = await layout.chunksOfRange({ offset: offset + 1, length: size - 1 })
      assert.deepEqual(places, { from: index, to: index + 1 })
      assert.equal((await layout.chunk(index)).offset, offset)
    }
    offset += size
  }
  assert.equal(layout.stripeCount, 901)
  for (const stripe of [0, 408, 409, 900]) {
    const { data, parityIds, shardBytes } = await layout.stripe(stripe)
    assert.deepEqual(
      data.map(({ index }) => index),
      Array.from({ length: stripe === 900 ? 1 : 10 }, (_, shard) => stripe * 10 + shard),
    )
    assert.deepEqual(
      parityIds,
      [0, 1, 2, 3].map((shard) => idOf(-1 - stripe * 4 - shard)),
    )
    assert.ok(data.every(({ sizeBytes }) => sizeBytes <= shardBytes) && shardBytes % 128 === 0)
    assert.ok(data.every(({ index }) => layout.stripeOf(index) === stripe))
  }
})

test('content of 10 TiB is addressed through pages with little memory', async () => {
  // The pages are made when they are asked for: as a reader meets them.
  const length = 1_048_576
  const chunkCount = 10 * 1_048_576
  const bytes = new ManifestBuilder({ profile: 'swarm-1m' })
  for (let index = 0; index < PAGE_CHUNKS_MAX + 1; index++) bytes.addChunk(idOf(0), length)
  const [page] = bytes.takePages()
  assert.ok(page !== undefined)
  const root: ContentManifest = {
    kind: 'file',
    profile: 'swarm-1m',
    sha256: sha256Of('x'),
    sizeBytes: chunkCount * length,
    chunkCount,
    k: 0,
    m: 0,
    encryption: undefined,
    body: undefined,
    pages: Array.from({ length: chunkCount / PAGE_CHUNKS_MAX }, () => ({
      id: page.id,
      sizeBytes: PAGE_CHUNKS_MAX * length,
    })),
  }
  const encoded = encodeManifest(root)
  assert.ok(encoded.byteLength < 100_000)
  const layout = new ManifestLayout(decodeManifest(encoded), async () => page.bytes)
  const end = root.sizeBytes
  const { from, to } = await layout.chunksOfRange({ offset: end - 1, length: 1 })
  assert.deepEqual([from, to], [chunkCount - 1, chunkCount])
  assert.equal((await layout.chunk(from)).offset, end - length)
})

test('ranges, chunks and stripes outside the content are refused', async () => {
  const { layout } = build({ profile: 'dds-256k', k: 2, m: 1 }, [262_144, 10])
  const refused = (error: unknown) => isKizunaError(error, 'INVALID_INPUT')
  for (const range of [
    { offset: -1, length: 1 },
    { offset: 0, length: 262_155 },
    { offset: 0, length: -1 },
    { offset: 0.5, length: 1 },
    { offset: 0, length: Number.NaN },
  ]) {
    await assert.rejects(layout.chunksOfRange(range), refused)
  }
  assert.deepEqual(await layout.chunksOfRange({ offset: 262_154, length: 0 }), { from: 0, to: 0 })
  for (const index of [-1, 2, 0.5]) await assert.rejects(layout.chunk(index), refused)
  for (const index of [-1, 1]) await assert.rejects(layout.stripe(index), refused)
  const plain = build({ profile: 'dds-256k' }, [10]).layout
  assert.equal(plain.stripeOf(0), undefined)
  await assert.rejects(plain.stripe(0), refused)
})

test('a wrong or unreadable page is refused, and asked for again next time', async () => {
  const { manifest, pages } = build({ profile: 'dds-256k' }, fixedSizes(4_097, 262_144))
  let answer: () => Promise<Uint8Array> = async () => new Uint8Array(10)
  const layout = new ManifestLayout(manifest, () => answer())
  await assert.rejects(layout.chunk(0), invalid)
  let stop: (error: Error) => void = () => {}
  answer = () =>
    new Promise((_, reject) => {
      stop = reject
    })
  const first = layout.chunk(0)
  const second = layout.chunk(1)
  await null
  answer = async () => pages.get(manifest.pages[0]?.id as ContentId) as Uint8Array
  stop(new Error('the first caller cancelled'))
  await assert.rejects(first, /cancelled/)
  assert.equal((await second).id, idOf(1), 'the second is not harmed by it')
})

test('few pages are held at a time', async () => {
  const { manifest, pages } = build({ profile: 'dds-256k', k: 1, m: 254 }, fixedSizes(32 * 20, 262_144))
  assert.equal(manifest.pages.length, 20)
  let reads = 0
  const layout = new ManifestLayout(manifest, async (id) => {
    reads++
    return pages.get(id) as Uint8Array
  })
  for (let index = 0; index < 640; index++) await layout.chunk(index)
  assert.equal(reads, 20)
  await layout.chunk(639)
  assert.equal(reads, 20)
  await layout.chunk(0)
  assert.equal(reads, 21)
})

test('no page is longer than a chunk, no root either', () => {
  for (const { k, m } of [
    { k: 0, m: 0 },
    { k: 10, m: 4 },
    { k: 1, m: 254 },
    { k: 254, m: 1 },
    { k: 1, m: 1 },
  ]) {
    const chunks = chunksPerPage({ k, m })
    const parity = k === 0 ? 0 : (chunks / k) * m
    assert.ok(chunks > 0 && chunks <= PAGE_CHUNKS_MAX && chunks + parity <= PAGE_IDS_MAX, `${k}+${m}`)
    assert.ok(chunks * (46 + 4) + parity * 35 < CHUNK_BYTES_MAX)
  }
  assert.ok(PAGES_MAX * (35 + 8) + 1_000 < CHUNK_BYTES_MAX)
})

test('a manifest that would need too many pages cannot be built', () => {
  const builder = new ManifestBuilder({ profile: 'dds-256k' }, { pagesMax: 2 })
  for (let index = 0; index < 3 * PAGE_CHUNKS_MAX; index++) builder.addChunk(idOf(0), 262_144)
  assert.throws(
    () => builder.addChunk(idOf(0), 262_144),
    (error) => isKizunaError(error, 'LIMIT_EXCEEDED'),
  )
})

test('sizes are written rightly at every length', () => {
  // The library's own encoder gets 2^31 to 2^32 - 1 wrong; scripts/generate.ts mends it.
  for (let power = 0; power < 64; power++) {
    for (const size of [2n ** BigInt(power) - 1n, 2n ** BigInt(power), 2n ** BigInt(power) + 1n]) {
      let rest = size
      const varint: number[] = []
      for (; rest > 127n; rest >>= 7n) varint.push(Number(rest & 127n) | 128)
      varint.push(Number(rest))
      const bytes = ManifestMessage.encode({ originalContentSizeBytes: size })
      assert.deepEqual([...bytes], size === 0n ? [] : [0x18, ...varint], `${size}`)
      assert.equal(ManifestMessage.decode(bytes).originalContentSizeBytes, size)
    }
  }
})

test('malformed manifests are refused, each for its reason', () => {
  const digest = () => new Uint8Array(32)
  const cid = GOLDEN_CIDS[0] ?? ''
  const base = {
    chunkCids: [cid],
    originalContentSha256: digest(),
    originalContentSizeBytes: 11n,
  }
  const cdc = { profile: 'cdc', chunkSizes: Uint8Array.of(11, 0, 0, 0) }
  const uint64s = (...values: bigint[]) => new Uint8Array(BigUint64Array.from(values).buffer)
  const paged = {
    chunkCids: [],
    originalContentSizeBytes: BigInt(4_097 * 262_144),
    pageDigests: [digest(), digest()],
  }
  const pagedCdc = {
    ...paged,
    originalContentSizeBytes: 1_000n,
    profile: 'cdc',
    chunkCount: 4_097n,
    pageSizes: uint64s(600n, 400n),
  }
  const good: Record<string, Partial<ManifestMessage>> = {
    base,
    cdc: { ...base, ...cdc },
    paged: { ...base, ...paged },
    pagedCdc: { ...base, ...pagedCdc },
  }
  for (const [name, message] of Object.entries(good)) {
    assert.doesNotThrow(() => decodeManifest(ManifestMessage.encode(message)), name)
  }
  const bad: Record<string, Partial<ManifestMessage>> = {
    'no hash': { originalContentSha256: new Uint8Array(0) },
    'a hash of 31 bytes': { originalContentSha256: new Uint8Array(31) },
    'a hash of 33 bytes': { originalContentSha256: new Uint8Array(33) },
    'a size beyond 2^53': { originalContentSizeBytes: 2n ** 53n },
    'the largest size': { originalContentSizeBytes: 2n ** 64n - 1n },
    'a size that needs more chunks': { originalContentSizeBytes: 262_145n },
    'a size that needs no chunk': { originalContentSizeBytes: 0n },
    'too many chunks for the size': { chunkCids: [cid, cid] },
    'an empty id': { chunkCids: [''] },
    'an id in another form': { chunkCids: [contentIdOf(Buffer.from('x'))] },
    'an id in hex': { chunkCids: ['ab'.repeat(32)] },
    'an id that is too short': { chunkCids: ['1'.repeat(31)] },
    'an id that is 31 bytes': { chunkCids: ['2'.repeat(40)] },
    'an id with a wrong digit': { chunkCids: [`0${cid.slice(1)}`] },
    'an unknown profile': { profile: 'magic' },
    'the default profile spelled out': { profile: 'dds-256k' },
    'k without m': { stripeData: 2 },
    'm without k': { stripeParity: 2 },
    'too many shards': {
      stripeData: 200,
      stripeParity: 56,
      parityDigests: Array.from({ length: 56 }, digest),
    },
    'parity that is missing': { stripeData: 2, stripeParity: 1 },
    'parity that is too much': { stripeData: 2, stripeParity: 1, parityDigests: [digest(), digest()] },
    'parity without stripes': { parityDigests: [digest()] },
    'a parity digest of 31 bytes': { stripeData: 2, stripeParity: 1, parityDigests: [new Uint8Array(31)] },
    'sizes where none belong': { chunkSizes: Uint8Array.of(11, 0, 0, 0) },
    'a count where none belongs': { chunkCount: 1n },
    'page sizes without pages': { pageSizes: uint64s(11n) },
    'a scheme without a name': { encryption: { scheme: '', parameters: new Uint8Array(0) } },
    'a scheme with a space': { encryption: { scheme: 'a b', parameters: new Uint8Array(0) } },
    'a scheme that is too long': { encryption: { scheme: 'x'.repeat(65), parameters: new Uint8Array(0) } },
    'parameters that are too long': { encryption: { scheme: 'x', parameters: new Uint8Array(257) } },
    'cdc without sizes': { profile: 'cdc' },
    'cdc with half a size': { profile: 'cdc', chunkSizes: Uint8Array.of(11, 0) },
    'cdc with another sum': { ...cdc, originalContentSizeBytes: 12n },
    'cdc with an empty chunk': { ...cdc, originalContentSizeBytes: 0n, chunkSizes: new Uint8Array(4) },
    'cdc with too long a chunk': {
      ...cdc,
      originalContentSizeBytes: 1_048_577n,
      chunkSizes: Uint8Array.of(1, 0, 16, 0),
    },
    'cdc with a count but no pages': { ...cdc, chunkCount: 1n },
    'pages that are not needed': { pageDigests: [digest()] },
    'chunks beside pages': { ...paged, chunkCids: [cid] },
    'a page too few': { ...paged, originalContentSizeBytes: BigInt(8_193 * 262_144) },
    'a page too many': { ...paged, pageDigests: [digest(), digest(), digest()] },
    'a page digest of 31 bytes': { ...paged, pageDigests: [digest(), new Uint8Array(31)] },
    'pages missing': { chunkCids: [], originalContentSizeBytes: BigInt(4_097 * 262_144) },
    'page sizes where none belong': { ...paged, pageSizes: uint64s(1n, 2n) },
    'a count for fixed pages': { ...paged, chunkCount: 4_097n },
    'paged cdc without a count': { ...pagedCdc, chunkCount: 0n },
    'paged cdc with an absurd count': { ...pagedCdc, chunkCount: 2n ** 53n - 1n },
    'paged cdc with a count beyond 2^53': { ...pagedCdc, chunkCount: 2n ** 63n },
    'paged cdc without sizes': { ...pagedCdc, pageSizes: new Uint8Array(0) },
    'paged cdc with another sum': { ...pagedCdc, pageSizes: uint64s(600n, 401n) },
    'paged cdc with an absurd size': { ...pagedCdc, pageSizes: uint64s(2n ** 64n - 1n, 400n) },
    'folder beyond the known kinds': {},
  }
  for (const [name, change] of Object.entries(bad)) {
    const bytes =
      name === 'folder beyond the known kinds'
        ? Buffer.concat([
            ManifestMessage.encode({ ...base, kind: ContentKind.FOLDER }).subarray(0, -1),
            Buffer.of(9),
          ])
        : ManifestMessage.encode({ ...base, ...change })
    assert.throws(() => decodeManifest(bytes), invalid, name)
  }
})

test('another encoding of the same manifest is refused: one content, one id', () => {
  const bytes = Buffer.from(encodeManifest(hello()))
  const variants = {
    'an unknown field': Buffer.concat([bytes, Buffer.from('f80101', 'hex')]),
    'a default spelled out': Buffer.concat([bytes, Buffer.from('900100', 'hex')]),
    'a field twice': Buffer.concat([bytes, Buffer.from('180b', 'hex')]),
    'fields in another order': Buffer.concat([bytes.subarray(-2), bytes.subarray(0, -2)]),
    'a long varint': Buffer.concat([bytes.subarray(0, -1), Buffer.from('8b00', 'hex')]),
    'cut short': bytes.subarray(0, -1),
    nothing: Buffer.alloc(0),
  }
  for (const [name, variant] of Object.entries(variants)) {
    assert.throws(() => decodeManifest(variant), invalid, name)
  }
})

test('lengths are checked before anything is read', () => {
  assert.throws(() => decodeManifest(new Uint8Array(CHUNK_BYTES_MAX + 1)), invalid)
  const manyFields = Buffer.alloc(2_000_000, Buffer.from('0a00', 'hex'))
  const startedAt = process.hrtime.bigint()
  assert.throws(() => decodeManifest(manyFields), invalid)
  assert.throws(() => decodeManifestPage(manyFields, hello(), 0), invalid)
  assert.ok(process.hrtime.bigint() - startedAt < 500_000_000n)
})

test('rubbish is refused and never harms', () => {
  const whole = build({ profile: 'cdc', k: 2, m: 1 }, [70_000, 80_000, 5]).chunk.bytes
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        fc
          .record({ at: fc.nat({ max: whole.length - 1 }), bit: fc.nat({ max: 7 }) })
          .map(({ at, bit }) => whole.map((byte, index) => (index === at ? byte ^ (1 << bit) : byte))),
        fc.nat({ max: whole.length }).map((length) => whole.subarray(0, length)),
      ),
      (bytes) => {
        let manifest: ContentManifest
        try {
          manifest = decodeManifest(bytes)
        } catch (error) {
          assert.ok(invalid(error), `${error}`)
          return
        }
        assert.deepEqual(
          Buffer.from(encodeManifest(manifest)),
          Buffer.from(bytes),
          'accepted means canonical',
        )
      },
    ),
    { numRuns: 3_000 },
  )
})

test('a page that belongs elsewhere is refused', async () => {
  const { manifest, pages } = build({ profile: 'dds-256k', k: 2, m: 1 }, fixedSizes(4_099, 262_144))
  const [first, last] = manifest.pages.map(({ id }) => pages.get(id) as Uint8Array) as [
    Uint8Array,
    Uint8Array,
  ]
  assert.equal(decodeManifestPage(first, manifest, 0).chunkIds.length, 4_096)
  assert.equal(decodeManifestPage(last, manifest, 1).chunkIds.length, 3)
  assert.throws(() => decodeManifestPage(first, manifest, 1), invalid)
  assert.throws(() => decodeManifestPage(last, manifest, 0), invalid)
  assert.throws(() => decodeManifestPage(Buffer.concat([last, Buffer.of(1)]), manifest, 1), invalid)
})

const GOLDEN_CIDS = [0, 1, 2].map((index) => base58(hash('sha256', `chunk ${index}`)))
/** Computed by another program, in another language. */
const HELLO_MANIFEST_ID = 'bafkreiaylh66yt3vka2dkfkizxbiapfufwzjwsq6np2ybg3mm4xrzlt6mu'

/** Base58 as its definition says, apart from the library that the code uses. */
function base58(hex: string): string {
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  let text = ''
  for (let number = BigInt(`0x${hex}`); number > 0n; number /= 58n) text = digits[Number(number % 58n)] + text
  return text
}

test('several callers of a page that cannot be read each ask again, once', async () => {
  const { manifest, pages } = build({ profile: 'dds-256k' }, fixedSizes(4_097, 262_144))
  let asked = 0
  const layout = new ManifestLayout(manifest, async (id) => {
    if (asked++ === 0) throw new Error('cancelled')
    return pages.get(id) as Uint8Array
  })
  const outcomes = await Promise.allSettled([0, 1, 2, 3].map((index) => layout.chunk(index)))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
  await layout.chunk(4)
  assert.ok(asked <= 4, `${asked} times asked`)
})

test('content-defined chunks without pages are found by byte', async () => {
  const { layout } = build({ profile: 'cdc' }, [70_000, 80_000, 5])
  assert.deepEqual(await layout.chunksOfRange({ offset: 69_999, length: 2 }), { from: 0, to: 2 })
})

test('a page that the manifest does not have is refused', () => {
  const { manifest, pages } = build({ profile: 'dds-256k' }, fixedSizes(4_097, 262_144))
  const [page] = pages.values()
  assert.throws(() => decodeManifestPage(page as Uint8Array, manifest, 2), invalid)
})
