import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { type ContentId, contentIdFromDigest } from '../core/content-id.ts'
import { silentLogger } from '../core/log.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import { ManifestBuilder } from '../storage/manifest-builder.ts'
import { ObjectGroups } from './object-groups.ts'
import { type ObjectManifest, readObjectManifest } from './object-manifest.ts'

const MINUTE = 60_000
const signal = new AbortController().signal
const policy = { kind: 'replica', copies: 3 } as const

test('a manifest is read once as long as its object is kept, and again when it is kept anew [R-13]', async () => {
  const { groups, root, other, loads } = await world()
  for (let look = 0; look < 3; look++) for (const each of [root, other]) await groups.of(object(each), signal)
  assert.deepEqual(loads, [root, other])
  groups.forgetOthers(new Set([other]))
  for (const each of [root, other]) await groups.of(object(each), signal)
  assert.deepEqual(loads, [root, other, root])
})

test('a manifest that nobody gives is asked for after ever longer waits, and at once when it is kept anew', async () => {
  const { groups, missing, clock, loads } = await world()
  const look = async () => assert.equal(await groups.of(object(missing), signal), undefined)
  for (let second = 0; second < 60; second++) {
    await look()
    await clock.advance(1_000)
  }
  assert.ok(loads.length > 1 && loads.length < 8, `${loads.length} times in a minute`)
  await clock.advance(20 * MINUTE)
  await look()
  const before = loads.length
  await look()
  assert.equal(loads.length, before)
  groups.forgetOthers(new Set())
  await look()
  assert.equal(loads.length, before + 1)
})

const object = (root: ContentId) => ({ root, publisher: '' as never, policy, sizeBytes: 1 })

async function world() {
  const clock = new VirtualClock()
  const manifests = new Map<ContentId, ObjectManifest>()
  for (const name of ['oak', 'elm']) {
    const builder = new ManifestBuilder({ profile: 'dds-256k', kind: 'file', encryption: undefined })
    builder.addChunk(idOf(name), 1)
    const { chunk } = builder.finish({ sha256: hash('sha256', name, 'buffer') })
    manifests.set(chunk.id, await readObjectManifest(chunk.id, chunk.bytes, () => assert.fail()))
  }
  const [root, other] = [...manifests.keys()] as [ContentId, ContentId]
  const loads: ContentId[] = []
  const loadManifest = async (id: ContentId) => {
    loads.push(id)
    return manifests.get(id) ?? Promise.reject(new Error('nobody has it'))
  }
  const groups = new ObjectGroups({ loadManifest, clock, log: silentLogger })
  return { clock, groups, root, other, missing: idOf('missing'), loads }
}

function idOf(name: string): ContentId {
  return contentIdFromDigest(hash('sha256', name, 'buffer'))
}
