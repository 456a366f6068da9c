import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentIdOf, digestOf } from '../core/content-id.ts'
import type { CborValue } from '../core/encoding.ts'
import { SeededRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { Community, type CommunityNode } from './community.suite.ts'
import { InvalidRecordError } from './errors.ts'
import {
  type FileFacts,
  fileKind,
  putFileRecord,
  readFileRecord,
  safeFileName,
  safeMediaType,
  toFileMetadataJson,
} from './file-record.ts'
import { signRecord } from './record-codec.ts'
import { findSharedFile, listSharedFiles, putFileRemoval } from './removal-record.ts'
import { spaceIdOf } from './space.ts'
import { openWithSpaceKeys, sealWithSpaceKey } from './space-seal.ts'

const key = signingKeyFromSeed(new Uint8Array(32).fill(7))
const space = spaceIdOf(key.peerId, new Uint8Array(16))
const id = contentIdOf(Buffer.from('content'))
const facts: FileFacts = {
  id,
  name: 'photo.jpg',
  mediaType: 'image/jpeg',
  sizeBytes: 1_000_000,
  policy: 'rs:10+4',
  sha256: '0f'.repeat(32),
  chunks: 4,
  parityChunks: 4,
  kind: 'file',
  sealedKey: undefined,
}
const body = {
  name: 'photo.jpg',
  mediaType: 'image/jpeg',
  sizeBytes: 1_000_000,
  policy: 'rs:10+4',
  sha256: new Uint8Array(32).fill(15),
  chunks: 4,
  parityChunks: 4,
  kind: 'file',
  publishedBy: key.publicKey,
}
const sign = (change: Record<string, CborValue>, recordKey: string = id) =>
  signRecord(key, {
    space,
    kind: 'file',
    key: recordKey,
    createdAt: 1,
    expiresAt: 2,
    body: { ...body, ...change },
  })

test('shows exactly the six fields of file metadata [B-39]', () => {
  const file = readFileRecord(sign({}))
  assert.deepEqual(toFileMetadataJson(file), {
    file_hash: Buffer.from(digestOf(id)).toString('hex'),
    original_name: 'photo.jpg',
    size: 1_000_000,
    data_chunks: 4,
    parity_chunks: 4,
    published_by: key.peerId,
  })
})

test('refuses a forged publisher: one that is not the author who signed [B-39] [B-63]', () => {
  const other = signingKeyFromSeed(new Uint8Array(32).fill(8))
  assert.match(fileKind.refuse(sign({ publishedBy: other.publicKey })) ?? '', /publisher is not its author/)
  assert.equal(fileKind.refuse(sign({})), undefined)
})

test('refuses names that are paths or invisible, and every malformed field', () => {
  const cases: Record<string, CborValue>[] = [
    { name: '../etc/passwd' },
    { name: 'a/b' },
    { name: 'a\\b' },
    { name: 'a\u0000b' },
    { name: 'a\nb' },
    { name: 'evil\u202Egpj.exe' },
    { name: '..' },
    { name: '' },
    { name: 'x'.repeat(256) },
    { mediaType: 'text/html\r\nx: y' },
    { sizeBytes: -1 },
    { sizeBytes: 'large' },
    { policy: 'replica:0' },
    { policy: 'rs:10' },
    { sha256: new Uint8Array(31) },
    { kind: 'device' },
    { sealedKey: new Uint8Array(129) },
    { surprise: 1 },
  ]
  for (const change of cases)
    assert.notEqual(fileKind.refuse(sign(change)), undefined, JSON.stringify(change))
  assert.notEqual(fileKind.refuse(sign({}, 'not an id')), undefined)
  assert.notEqual(fileKind.refuse(sign({}, id.toUpperCase())), undefined)
})

test('any text becomes a name or a media type that is accepted, and stays as it is the second time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const name = safeFileName(text)
      assert.equal(safeFileName(name), name)
      assert.ok(name !== '' && Buffer.byteLength(name) <= 255 && !/[/\\\p{Cc}]/u.test(name))
      assert.equal(safeMediaType(safeMediaType(text)), safeMediaType(text))
      assert.equal(fileKind.refuse(sign({ name, mediaType: safeMediaType(text) })), undefined)
    }),
    { numRuns: 500 },
  )
  assert.equal(safeFileName('C:\\Users\\a\\photo.jpg'), 'photo.jpg')
  assert.equal(safeFileName('/etc/'), 'etc')
  assert.equal(safeMediaType('text/plain; charset=utf-8'), 'text/plain; charset=utf-8')
})

test('a sealed key opens with the space key and for its content alone', () => {
  const random = new SeededRandom(1)
  const [spaceKey, other] = [random.bytes(32), random.bytes(32)]
  const secret = random.bytes(32)
  const sealed = sealWithSpaceKey(spaceKey, secret, id, random)
  assert.deepEqual(openWithSpaceKeys([spaceKey], sealed, id), secret)
  assert.throws(() => openWithSpaceKeys([other], sealed, id), InvalidRecordError)
  assert.throws(() => openWithSpaceKeys([spaceKey], sealed, 'another'), InvalidRecordError)
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed)
    changed[at] = (changed[at] as number) ^ 1
    assert.throws(() => openWithSpaceKeys([spaceKey], changed, id), InvalidRecordError)
  }
  assert.throws(() => openWithSpaceKeys([spaceKey], new Uint8Array(3), id), InvalidRecordError)
})

test('the list joins publishers, and a removal by the publisher or an admin takes off, until it is shared anew', async () => {
  const community = new Community()
  const [a, b] = (await community.addMembers(2)) as [CommunityNode, CommunityNode]
  const roleOf = (peer: string) => a.membership.members().find((member) => member.peer === peer)?.role
  await putFileRecord(a.records, a.peer, facts)
  await community.clock.advance(1_000)
  await putFileRecord(b.records, b.peer, { ...facts, name: 'other.jpg' })
  await community.until(() => a.records.count('file') === 2)
  const names = () => listSharedFiles(a.records, roleOf).map(({ name, publishers }) => [name, publishers])
  assert.deepEqual(names(), [['photo.jpg', [a.peer, b.peer]]])
  await community.clock.advance(1_000)
  // B may take off only what is B's.
  await putFileRemoval(b.records, id)
  await community.until(() => a.records.count('removal') === 1)
  assert.deepEqual(names(), [['photo.jpg', [a.peer]]])
  await putFileRecord(b.records, b.peer, facts)
  await community.until(() => names()[0]?.[1]?.length === 2)
  await community.clock.advance(1_000)
  // The founder takes off everybody's.
  await putFileRemoval(a.records, id)
  assert.deepEqual(names(), [])
  assert.equal(findSharedFile(a.records, id, roleOf), undefined)
  await community.clock.advance(1_000)
  await putFileRecord(a.records, a.peer, facts)
  assert.equal(findSharedFile(a.records, id, roleOf)?.publishedBy, a.peer)
  await community.stop()
})
