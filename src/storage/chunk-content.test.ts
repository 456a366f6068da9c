import assert from 'node:assert/strict'
import { getHashes, hash } from 'node:crypto'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { SystemClock } from '../core/clock.ts'
import { contentIdOf } from '../core/content-id.ts'
import { inlineDigester } from '../core/digester.ts'
import { isKizunaError } from '../core/kizuna-error.ts'
import { CHUNK_BYTES_MAX } from '../core/limits.ts'
import { SeededRandom } from '../core/random.ts'
import { type Chunk, chunkOf } from './chunk.ts'
import { type ChunkContentOptions, chunkContent, chunkContentWith } from './chunk-content.ts'
import { freshMemory } from './chunk-memory.ts'
import {
  CDC_BYTES,
  CHUNKING_PROFILES,
  type ChunkingProfile,
  chunkBytesMax,
  defaultProfile,
  fixedChunkBytes,
} from './chunking-profile.ts'

const clock = new SystemClock()
const random = new SeededRandom(3)

async function* piecesOf(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let index = 0; at < bytes.byteLength; index++) {
    const length = lengths[index % lengths.length] ?? 1
    yield bytes.subarray(at, at + length)
    at += length
  }
}

async function chunksOf(source: AsyncIterable<Uint8Array>, options: ChunkContentOptions): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for await (const chunk of chunkContent(source, options)) chunks.push(chunk)
  return chunks
}

const joined = (chunks: readonly Chunk[]) => Buffer.concat(chunks.map(({ bytes }) => bytes))

test('SHA-256 gives its known answers [K-06]', () => {
  assert.ok(getHashes().includes('sha256'))
  assert.equal(hash('sha256', ''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  assert.equal(hash('sha256', 'abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  assert.equal(
    hash('sha256', 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  )
})

test('a chunk knows its id in every form, as the shared vectors have it [K-31] [S-04] [S-24]', () => {
  const vectors = [
    [
      Buffer.alloc(0),
      'GKot5hBsd81kMupNCXHaqbhv3huEbxAFMLnpcX2hniwn',
      'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
    ],
    [
      Buffer.from('hello world'),
      'DULfJyE3WQqNxy3ymuhAChyNR3yufT88pmqvAazKFMG4',
      'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e',
    ],
    [
      Buffer.alloc(262_144),
      'AJaQGbTq9ioaz1hPtJz9oLJPYZYwQMeztWdwzFEsL6jZ',
      'bafkreiekhhjkxu4ztk3tyng3er3ijhg56mb44oe3gwbgquhzu4afrg2ksa',
    ],
    [
      Buffer.alloc(1_048_576),
      '4HopDFVciPjGnwAmh6r5uzUsi4a4rF1CJFSMeNSrCht3',
      'bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla',
    ],
  ] as const
  for (const [bytes, dds, id] of vectors) {
    const chunk = chunkOf(bytes)
    assert.equal(chunk.cidBase58, dds)
    assert.equal(chunk.id, id)
    assert.equal(chunk.bytes, bytes)
  }
})

test('a chunk over the limit cannot be made', () => {
  assert.throws(
    () => chunkOf(new Uint8Array(CHUNK_BYTES_MAX + 1)),
    (error) => isKizunaError(error, 'LIMIT_EXCEEDED'),
  )
})

test('the DDS profile cuts every 262,144 bytes, and the chunks make the content again [K-27] [K-30] [S-06] [S-22] [B-35]', async () => {
  assert.equal(fixedChunkBytes('dds-256k'), 262_144)
  for (const sizeBytes of [0, 1, 262_143, 262_144, 262_145, 10 * 1024 * 1024]) {
    const content = random.bytes(sizeBytes)
    const chunks = await chunksOf(piecesOf(content, [65_536, 1_000_003, 1]), {
      profile: 'dds-256k',
      sizeBytes,
    })
    assert.equal(chunks.length, Math.ceil(sizeBytes / 262_144))
    assert.ok(chunks.slice(0, -1).every(({ bytes }) => bytes.byteLength === 262_144))
    assert.ok(joined(chunks).equals(content))
    for (const { id, bytes } of chunks) assert.equal(contentIdOf(bytes), id)
  }
})

test('equal bytes make equal chunks wherever they stand [K-31]', async () => {
  const [first, second] = await chunksOf(piecesOf(new Uint8Array(524_288), [524_288]), {
    profile: 'dds-256k',
  })
  assert.equal(first?.id, second?.id)
})

test('the other fixed profiles cut every MiB, and every 511 blocks of 4 KiB', async () => {
  const lengthsIn = async (profile: ChunkingProfile, sizeBytes: number) =>
    (await chunksOf(piecesOf(random.bytes(sizeBytes), [300_000]), { profile })).map(
      ({ bytes }) => bytes.byteLength,
    )
  assert.deepEqual(await lengthsIn('swarm-1m', 2 * 1_048_576 + 5), [1_048_576, 1_048_576, 5])
  assert.deepEqual(await lengthsIn('swarm-2m', 2_093_056 + 5), [2_093_056, 5])
})

test('the larger the content, the longer its chunks, except that whole stripes must lie in memory', () => {
  const sizes = [undefined, 2 ** 28 - 1, 2 ** 28, 2 ** 30 - 1, 2 ** 30]
  const profiles = (isStriped: boolean) => sizes.map((size) => defaultProfile(size, { isStriped }))
  assert.deepEqual(profiles(false), ['dds-256k', 'dds-256k', 'swarm-1m', 'swarm-1m', 'swarm-2m'])
  assert.deepEqual(profiles(true), ['dds-256k', 'dds-256k', 'swarm-1m', 'swarm-1m', 'swarm-1m'])
})

test('no profile makes a chunk over the limit', () => {
  for (const profile of CHUNKING_PROFILES) assert.ok(chunkBytesMax(profile) <= CHUNK_BYTES_MAX)
})

test('where content is cut does not depend on how it arrives', async () => {
  const content = random.bytes(3_000_000)
  for (const profile of CHUNKING_PROFILES) {
    const whole = (await chunksOf(piecesOf(content, [content.length]), { profile })).map(({ id }) => id)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 5 }),
        async (lengths) => {
          fc.pre(Math.max(...lengths) > 1_000)
          const cut = await chunksOf(piecesOf(content, lengths), { profile })
          assert.deepEqual(
            cut.map(({ id }) => id),
            whole,
          )
        },
      ),
      { numRuns: 8 },
    )
  }
})

test('content-defined chunks keep to their limits and their average', async () => {
  const content = random.bytes(24 * 1024 * 1024)
  const chunks = await chunksOf(piecesOf(content, [1 << 20]), { profile: 'cdc' })
  const lengths = chunks.map(({ bytes }) => bytes.byteLength)
  assert.ok(lengths.slice(0, -1).every((length) => length > CDC_BYTES.min && length <= CDC_BYTES.max))
  const mean = content.byteLength / lengths.length
  assert.ok(mean > CDC_BYTES.average * 0.7 && mean < CDC_BYTES.average * 1.6, `mean ${mean}`)
  assert.ok(joined(chunks).equals(content))
  const zeros = await chunksOf(piecesOf(new Uint8Array(3 << 20), [1 << 20]), { profile: 'cdc' })
  assert.ok(zeros.every(({ bytes }) => bytes.byteLength <= CDC_BYTES.max))
})

test('content-defined cuts are where another program, written from the protocol page, finds them', async () => {
  const content = Buffer.concat(
    Array.from({ length: 65_536 }, (_, index) => hash('sha256', `${index}`, 'buffer')),
  )
  const chunks = await chunksOf(piecesOf(content, [70_000]), { profile: 'cdc' })
  assert.deepEqual(
    chunks.map(({ bytes }) => bytes.byteLength),
    [163_341, 295_487, 276_865, 396_815, 498_263, 371_209, 95_172],
  )
})

test('a byte put in front changes few content-defined chunks', async () => {
  const content = random.bytes(8 * 1024 * 1024)
  const moved = Buffer.concat([Buffer.from([1]), content])
  const before = new Set(
    (await chunksOf(piecesOf(content, [1 << 20]), { profile: 'cdc' })).map(({ id }) => id),
  )
  const after = await chunksOf(piecesOf(moved, [1 << 20]), { profile: 'cdc' })
  const shared = after.filter(({ id }) => before.has(id)).length
  assert.ok(shared / after.length >= 0.85, `${shared} of ${after.length}`)
})

test('a source that gives more or less than declared is refused [S-06]', async () => {
  const refused = (error: unknown) => isKizunaError(error, 'SIZE_MISMATCH')
  for (const declared of [0, 999, 1_001, 300_000]) {
    const source = piecesOf(random.bytes(1_000), [100])
    await assert.rejects(
      chunksOf(source, { profile: 'dds-256k', sizeBytes: declared }),
      refused,
      `${declared}`,
    )
  }
  for (const sizeBytes of [-1, 1.5, Number.NaN]) {
    const source = piecesOf(random.bytes(10), [10])
    await assert.rejects(chunksOf(source, { profile: 'cdc', sizeBytes }), (error) =>
      isKizunaError(error, 'INVALID_INPUT'),
    )
  }
})

test('more than declared is noticed at once, not at the end of an endless source [S-06]', async () => {
  let given = 0
  async function* endless() {
    for (;;) {
      given++
      yield new Uint8Array(100_000)
    }
  }
  await assert.rejects(chunksOf(endless(), { profile: 'dds-256k', sizeBytes: 1_000_000 }), (error) =>
    isKizunaError(error, 'SIZE_MISMATCH'),
  )
  assert.equal(given, 11)
})

test('a source that gives text is refused', async () => {
  async function* texts() {
    yield 'text' as unknown as Uint8Array
  }
  await assert.rejects(chunksOf(texts(), { profile: 'dds-256k' }), (error) =>
    isKizunaError(error, 'INVALID_INPUT'),
  )
})

test('cancelling stops within 100 ms even when the source hangs or never waits [S-06]', async () => {
  async function* hanging() {
    yield new Uint8Array(10)
    await new Promise(() => {})
  }
  const buffer = new Uint8Array(1 << 20)
  async function* busy() {
    for (;;) yield buffer
  }
  for (const source of [hanging(), busy()]) {
    const controller = new AbortController()
    let abortedAt = 0
    clock.after(20, () => {
      abortedAt = clock.monotonic()
      controller.abort()
    })
    const keepAlive = setInterval(() => {}, 50)
    try {
      await assert.rejects(
        async () => {
          for await (const _ of chunkContent(source, { profile: 'dds-256k', signal: controller.signal }));
        },
        (error) => isKizunaError(error, 'ABORTED'),
      )
    } finally {
      clearInterval(keepAlive)
    }
    assert.ok(clock.monotonic() - abortedAt < 100)
  }
  await assert.rejects(
    chunksOf(piecesOf(buffer, [1000]), { profile: 'cdc', signal: AbortSignal.abort() }),
    (error) => isKizunaError(error, 'ABORTED'),
  )
})

test('a consumer that stops ends the source; one that is slow is waited for [S-06]', async () => {
  let given = 0
  let ended = false
  async function* counting() {
    try {
      for (;;) {
        given++
        yield new Uint8Array(262_144)
      }
    } finally {
      ended = true
    }
  }
  const signal = new AbortController().signal
  for await (const _ of chunkContent(counting(), { profile: 'dds-256k', signal })) {
    await null
    if (given >= 3) break
  }
  assert.equal(given, 3, 'no piece was pulled ahead of need')
  assert.equal(ended, true)
})

test('an error of the source is the caller’s', async () => {
  async function* failing() {
    yield new Uint8Array(10)
    throw new Error('the file went away')
  }
  for (const signal of [undefined, new AbortController().signal]) {
    await assert.rejects(chunksOf(failing(), { profile: 'dds-256k', signal }), /the file went away/)
  }
})

test('the memory in use does not grow with the content [S-06]', async () => {
  const piece = new Uint8Array(1 << 20)
  async function* large() {
    for (let index = 0; index < 192; index++) yield piece.slice()
  }
  // What is held, without what awaits the collector.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heldBytes = () => {
    collect()
    return process.memoryUsage().arrayBuffers
  }
  let chunks = 0
  let peakBytes = 0
  const baseBytes = heldBytes()
  for await (const _ of chunkContent(large(), { profile: 'dds-256k' })) {
    if (++chunks % 64 === 0) peakBytes = Math.max(peakBytes, heldBytes() - baseBytes)
  }
  assert.equal(chunks, 192 * 4)
  assert.ok(peakBytes < 32 << 20, `${peakBytes}`)
})

test('cancelling between two chunks of one piece stops before the second', async () => {
  const controller = new AbortController()
  const source = (async function* () {
    yield new Uint8Array(3 * 262_144)
  })()
  const chunks = chunkContent(source, { profile: 'dds-256k', signal: controller.signal })
  await chunks.next()
  controller.abort()
  await assert.rejects(chunks.next(), (error) => isKizunaError(error, 'ABORTED'))
})

test('empty pieces between others change nothing, and a consumer may stop at any chunk', async () => {
  const piece = new Uint8Array(300_000).fill(7)
  async function* source() {
    yield new Uint8Array(0)
    yield piece
    yield new Uint8Array(0)
    yield piece
  }
  const parts = { digester: { ...inlineDigester, atOnce: 8 }, memory: freshMemory }
  const chunksWith = (stopAfter: number) => async () => {
    const sizes: number[] = []
    for await (const chunk of chunkContentWith(parts, source(), { profile: 'dds-256k' })) {
      sizes.push(chunk.bytes.byteLength)
      if (sizes.length === stopAfter) break
    }
    return sizes
  }
  assert.deepEqual(await chunksWith(9)(), [262_144, 262_144, 75_712])
  assert.deepEqual(await chunksWith(1)(), [262_144])
})
