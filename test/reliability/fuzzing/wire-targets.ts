import { RetrieveChunkCode, StoreChunkCode } from '../../../src/content/dds-messages.js'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../../src/content/dds-protocol.ts'
import { decodeFolderListing, encodeFolderListing } from '../../../src/content/folder-listing.ts'
import { contentIdOf, digestOf } from '../../../src/core/content-id.ts'
import { type CborValue, decodeCanonical, encodeCanonical } from '../../../src/core/encoding.ts'
import { InvalidInputError } from '../../../src/core/errors.ts'
import { decodeReconciliation } from '../../../src/core/reconciliation-message.ts'
import {
  answerReconciliation,
  ReconciliationSet,
  startReconciliation,
} from '../../../src/core/set-reconciliation.ts'
import { publicKeyOf, signingKeyFromSeed } from '../../../src/core/signing-key.ts'
import { decodeAnswer } from '../../../src/network/discovery/peer-exchange.ts'
import { decodeErrorFrame, encodeErrorFrame } from '../../../src/network/error-frame.ts'
import { childrenOf, DER, decodeDer, encodeDer } from '../../../src/network/native-tls/der.ts'
import {
  type ContentManifest,
  decodeManifest,
  decodeManifestPage,
  encodeManifest,
  encodeManifestPage,
} from '../../../src/storage/content-manifest.ts'
import { encodePackEntries, scanPackEntries } from '../../../src/storage/pack-entry.ts'
import { FuzzFinding, type FuzzTarget, mustEqual } from './fuzz-target.ts'

const id = contentIdOf(Buffer.from('a chunk'))
const chunkCid = Uint8Array.from(digestOf(id))
const key = signingKeyFromSeed(Buffer.alloc(32, 7))
const object = {
  manifestCid: chunkCid,
  publisher: Uint8Array.from(key.publicKey),
  copies: 0,
  dataShards: 2,
  parityShards: 2,
  sizeBytes: 700_000n,
}

const manifest: ContentManifest = {
  kind: 'file',
  profile: 'dds-256k',
  chunkCount: 2,
  sizeBytes: 300_000,
  k: 0,
  m: 0,
  sha256: Uint8Array.from(digestOf(id)),
  encryption: undefined,
  body: { chunkIds: [id, contentIdOf(Buffer.from('another'))], parityIds: [], chunkSizes: [] },
  pages: [],
}
const paged: ContentManifest = {
  ...manifest,
  chunkCount: 5_000,
  sizeBytes: 5_000 * 262_144,
  body: undefined,
  pages: [
    { id, sizeBytes: 4_096 * 262_144 },
    { id: contentIdOf(Buffer.from('page')), sizeBytes: 904 * 262_144 },
  ],
}
const page = {
  chunkIds: Array.from({ length: 904 }, (_, index) => contentIdOf(Buffer.from(`chunk ${index}`))),
  parityIds: [],
  chunkSizes: [],
}

const KEY_BYTES = 38
const set = setOf(0, 120)
const otherSet = setOf(60, 200)

/** Parsers of what comes from other nodes and from the disk, as bytes. */
export const WIRE_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'canonical-cbor',
    seeds: [
      encodeCanonical({ a: 1, b: [true, null, 'text'], c: Uint8Array.of(1, 2, 3), d: { e: -5 } }),
      encodeCanonical([1, [2, [3, [4, [5]]]]]),
    ],
    run(input) {
      mustEqual(
        'what was read gives other bytes',
        encodeCanonical(decodeCanonical(input) as CborValue),
        input,
      )
    },
  },
  {
    name: 'dds-request',
    seeds: [
      encodeRequest({ retrieveChunk: { chunkCid, offset: 65_536, length: 1_000 } }),
      encodeRequest({ storeChunk: { chunkCid, sizeBytes: 6 } }),
      encodeRequest(looseRequest({ have: { chunkCids: [chunkCid, chunkCid] } })),
      encodeRequest(looseRequest({ storeChunk: { chunkCid, sizeBytes: 6, object } })),
    ],
    run: (input) => decodeRequest(input),
  },
  {
    name: 'dds-response',
    seeds: [
      encodeResponse({ storeChunk: { code: StoreChunkCode.STORE_OK, chunkCid, alreadyHeld: false } }),
      encodeResponse({
        retrieveChunk: {
          code: RetrieveChunkCode.RETRIEVE_OK,
          totalSizeBytes: 262_144,
          offset: 0,
          length: 262_144,
          retryAfterMs: 0,
        },
      }),
    ],
    run: (input) => decodeResponse(input),
  },
  {
    name: 'manifest',
    seeds: [encodeManifest(manifest), encodeManifest(paged), encodeManifest({ ...manifest, kind: 'folder' })],
    run(input) {
      mustEqual('what was read gives other bytes', encodeManifest(decodeManifest(input)), input)
    },
  },
  {
    name: 'manifest-page',
    seeds: [encodeManifestPage(page)],
    share: 0.2,
    run(input) {
      mustEqual(
        'what was read gives other bytes',
        encodeManifestPage(decodeManifestPage(input, paged, 1)),
        input,
      )
    },
  },
  {
    name: 'folder-listing',
    seeds: [
      encodeFolderListing([
        { path: 'a/b.txt', id, sizeBytes: 3 },
        { path: 'ü/ñ.jpg', id, sizeBytes: 0 },
      ]),
    ],
    run(input) {
      for (const { path } of decodeFolderListing(input)) {
        if (
          path.startsWith('/') ||
          path.split('/').some((part) => part === '' || part === '..' || part === '.')
        ) {
          throw new FuzzFinding(`the path ${path} was let in`)
        }
      }
    },
  },
  {
    name: 'error-frame',
    seeds: [
      encodeErrorFrame(new InvalidInputError({ what: 'A thing', reason: 'it is wrong' })),
      encodeErrorFrame(new Error('unexpected')),
    ],
    run: (input) => decodeErrorFrame(input),
  },
  {
    name: 'reconciliation',
    seeds: [startReconciliation(set), firstAnswer()],
    share: 0.5,
    run(input) {
      decodeReconciliation(KEY_BYTES, input)
      const before = set.size
      answerReconciliation(set, input)
      mustEqual('the answer changed the set', set.size, before)
    },
  },
  {
    name: 'peer-exchange',
    seeds: [
      encodeCanonical([key.publicKey, Uint8Array.of(1, 2, 3)]),
      encodeCanonical({ peers: [new Uint8Array(40)] }),
    ],
    run: (input) => decodeAnswer(input),
  },
  {
    name: 'pack-entries',
    seeds: [
      encodePackEntries([
        { digest: chunkCid, bytes: Buffer.from('a chunk') },
        { digest: Uint8Array.from(digestOf(contentIdOf(new Uint8Array(0)))), bytes: new Uint8Array(0) },
      ]),
    ],
    run(input) {
      const { entries, end } = scanPackEntries(input, 0)
      if (end > input.byteLength) throw new FuzzFinding('the end lies behind the bytes')
      for (const { offset, size } of entries) {
        if (offset + size > input.byteLength) throw new FuzzFinding('an entry lies behind the bytes')
      }
    },
  },
  {
    name: 'der',
    seeds: [
      encodeDer(
        DER.sequence,
        encodeDer(DER.octetString, publicKeyOf(key.peerId)),
        encodeDer(DER.octetString, chunkCid),
      ),
    ],
    refusals: ['DerError'],
    run: (input) => walk(input, 0),
  },
]

function walk(input: Uint8Array, depth: number): void {
  for (const child of childrenOf(decodeDer(input, DER.sequence))) {
    if (child.tag === DER.sequence && depth < 16) walk(child.body, depth + 1)
  }
}

function setOf(from: number, to: number): ReconciliationSet {
  const made = new ReconciliationSet(KEY_BYTES)
  for (let index = from; index < to; index++) {
    made.add(
      Uint8Array.from(
        Buffer.concat([digestOf(contentIdOf(Buffer.from(`key ${index}`))), Buffer.alloc(6, index)]),
      ),
    )
  }
  return made
}

/** What a peer says to the first message. */
function firstAnswer(): Uint8Array {
  return answerReconciliation(otherSet, startReconciliation(set)).reply ?? new Uint8Array(0)
}

/** Requests whose optional parts the seeds leave out. */
function looseRequest(request: object): Parameters<typeof encodeRequest>[0] {
  return request as Parameters<typeof encodeRequest>[0]
}
