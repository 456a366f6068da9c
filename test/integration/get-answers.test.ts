/**
 * A `get` that cannot succeed says which of four things is the matter, in time, and `doctor` names the step:
 * nobody has it, those who have it are away, they refuse, what they have is damaged.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { contentIdOf } from '../../src/core/content-id.ts'
import type { Finished, KizunaProcess } from '../fixtures/kizuna-process.ts'
import { bootstrapTo, errorOf, NodeGroup, wordsOf } from '../fixtures/node-group.ts'
import { writeSampleFile } from '../fixtures/sample-file.ts'
import { waitUntil } from '../fixtures/wait-until.ts'

const TIMEOUT_MS = 3_000
/** Start of a process on a busy machine, and the answer. */
const SLACK_MS = 12_000
const STORES_NOTHING = ['--storage-for-others-bytes-max', '0']

interface Diagnosis {
  readable: boolean
  steps: { step: string; outcome: string; finding: string }[]
}

describe('a get that cannot succeed', () => {
  let group: NodeGroup
  let holder: KizunaProcess
  let asker: KizunaProcess

  before(async () => {
    group = new NodeGroup()
    holder = await group.start('holder', STORES_NOTHING)
    asker = await group.start('asker', [...STORES_NOTHING, ...bootstrapTo(holder)])
    await group.together(holder, asker)
  })
  after(() => group[Symbol.asyncDispose]())

  test('of an id nobody has says so, with exit code 4 [K-28] [B-06] [S-55]', async () => {
    const id = contentIdOf(Buffer.from('never shared by anybody'))
    const finished = await getInTime(asker, id)
    const error = errorOf(finished)
    assert.deepEqual([error.code, error.kind, finished.code], ['CONTENT_NOT_FOUND', 'missing', 4])
    assert.deepEqual(error.details?.asked, [{ peer: holder.peerId, reason: 'not-found' }])
    assert.deepEqual(await failingSteps(asker, id), ['manifest', 'providers'])
  })

  test('of content whose only holder is dead says unreachable, with exit code 7 [S-55]', async () => {
    const mortal = await group.start('mortal', [...STORES_NOTHING, ...bootstrapTo(holder)])
    await group.together(holder, asker, mortal)
    const id = await shareSample(mortal, 'mortal.bin', 300_000)
    await knownTo(asker, id, mortal)
    await mortal.kill()

    const finished = await getInTime(asker, id)
    const error = errorOf(finished)
    assert.deepEqual([error.code, error.kind, finished.code], ['CONTENT_UNREACHABLE', 'unavailable', 7])
    assert.ok(JSON.stringify(error.details).includes(mortal.peerId), 'it names who has it')
    assert.deepEqual(await failingSteps(asker, id), ['manifest', 'connect'])
  })

  test('of content whose holders refuse says refused, with exit code 3 [S-55]', async () => {
    const closed = await group.start('closed', ['--admission', 'invite'])
    const guest = await group.start('guest', [...STORES_NOTHING, ...bootstrapTo(closed)])
    const id = await shareSample(closed, 'members-only.bin', 300_000)
    await waitUntil('the guest is connected', 30_000, async () => {
      return Number((await guest.call('status')).connectedPeers) > 0
    })
    assert.equal((await guest.call('status')).members, 1, 'the guest is no member')

    const finished = await getInTime(guest, id)
    const error = errorOf(finished)
    assert.deepEqual([error.code, error.kind, finished.code], ['CONTENT_REFUSED', 'denied', 3])
    assert.match(error.hint, /kizuna join/)
    assert.deepEqual(await failingSteps(guest, id), ['manifest', 'permission'])

    // An open space can be closed while it runs.
    const open = await shareSample(holder, 'open.bin', 1_000)
    await holder.json('config', 'set', 'admission', 'invite')
    const stranger = await group.start('stranger', [...STORES_NOTHING, ...bootstrapTo(holder)])
    await waitUntil('the stranger is connected', 30_000, async () => {
      return Number((await stranger.call('status')).connectedPeers) > 0
    })
    const refused = await getInTime(stranger, open)
    assert.equal(errorOf(refused).code, 'CONTENT_REFUSED')
    await holder.json('config', 'set', 'admission', 'open')
  })

  for (const { what, sizeBytes, damage } of [
    { what: 'a file of many chunks', sizeBytes: 900_000, damage: damageChunkFile },
    { what: 'a small file in a pack', sizeBytes: 2_000, damage: damagePack },
  ]) {
    test(`of ${what}, damaged on its only holder’s disk, says corrupt, with exit code 8 [S-55]`, async () => {
      const id = await shareSample(holder, `damaged-${sizeBytes}.bin`, sizeBytes)
      await knownTo(asker, id, holder)
      damage(holder.place.home, join(group.folder, `damaged-${sizeBytes}.bin`))

      const found = await failingSteps(asker, id)
      assert.deepEqual(found, ['integrity'], 'doctor finds it before anybody tried')
      const finished = await getInTime(asker, id)
      const error = errorOf(finished)
      assert.deepEqual([error.code, error.kind, finished.code], ['CONTENT_CORRUPT', 'corrupt', 8])
      assert.deepEqual(await failingSteps(asker, id), ['integrity'], 'and after the holder knows')

      const atHome = await getInTime(holder, id)
      assert.deepEqual([errorOf(atHome).code, atHome.code], ['CONTENT_CORRUPT', 8])
      assert.deepEqual(await failingSteps(holder, id), ['integrity'])
    })
  }

  test('says it to people in a sentence and a hint, and doctor names the step [K-28] [S-55]', async () => {
    const id = contentIdOf(Buffer.from('never shared by anybody either'))
    const words = ['--output', group.path('for-people'), '--timeout', String(TIMEOUT_MS)]
    const finished = await asker.run('get', id, ...words)
    assert.equal(finished.stdout, '')
    assert.match(wordsOf(finished), /^Nobody we can ask has \S+ \(\d+ peers? asked\)\.\n {2}\S.+$/)
    const doctor = await asker.run('doctor', id)
    assert.equal(doctor.code, 7)
    assert.match(doctor.stdout, /FAILED +providers: .+/)
    assert.match(doctor.stdout, /What fails: manifest, providers\./)
  })

  test('of something that is no id is refused at once, with exit code 2 [K-28]', async () => {
    for (const wrong of [
      'bafkrei',
      'Qm',
      '../../etc/passwd',
      'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv!',
    ]) {
      const finished = await getInTime(asker, wrong)
      assert.equal(finished.code, 2, wrong)
      assert.equal(errorOf(finished).kind, 'invalid')
    }
  })

  /** Runs the get, and checks that it ends in time and leaves nothing behind that looks like a result. */
  async function getInTime(node: KizunaProcess, id: string): Promise<Finished> {
    const output = group.path('wanted.bin')
    const begin = performance.now()
    const finished = await node.run('get', id, '--output', output, '--timeout', String(TIMEOUT_MS), '--json')
    const tookMs = performance.now() - begin
    assert.ok(tookMs < TIMEOUT_MS + SLACK_MS, `it took ${Math.round(tookMs)} ms`)
    assert.equal(finished.stdout, '')
    assert.ok(!existsSync(output), 'nothing stands under the final name')
    return finished
  }

  async function failingSteps(node: KizunaProcess, id: string): Promise<string[]> {
    const finished = await node.run('doctor', id, '--timeout', String(TIMEOUT_MS), '--json')
    const diagnosis = finished.json as unknown as Diagnosis
    assert.equal(diagnosis.readable, false, finished.stdout + finished.stderr)
    assert.equal(finished.code, 7)
    return diagnosis.steps.filter(({ outcome }) => outcome === 'failed').map(({ step }) => step)
  }

  async function shareSample(node: KizunaProcess, name: string, sizeBytes: number): Promise<string> {
    const path = join(group.folder, name)
    await writeSampleFile(path, sizeBytes, sizeBytes % 251)
    const shared = await node.json('share', path, '--copies', '1', '--profile', 'dds-256k')
    assert.equal(shared.copies, 1)
    return String(shared.id)
  }

  /** Waits until a node knows by reconciliation that another keeps a content. */
  async function knownTo(node: KizunaProcess, id: string, keeper: KizunaProcess): Promise<void> {
    await node.call('sync')
    await waitUntil('the keeper is known', 30_000, async () => {
      const { files } = (await node.call('list')) as { files: { id: string; holders: number }[] }
      return files.some((file) => file.id === id && file.holders === 1)
    })
    assert.ok(keeper.peerId.length > 0)
  }
})

/** Flips a bit in the file of the first whole chunk of a shared file. */
function damageChunkFile(home: string, source: string): void {
  const chunk = readFileSync(source).subarray(0, 262_144)
  const [path] = globSync(join(home, 'chunks', '*', contentIdOf(chunk)))
  assert.ok(path !== undefined, `the chunk’s file is in ${readdirSync(join(home, 'chunks'))}`)
  flip(path, 100_000)
}

/** Flips a bit of a small file’s only chunk, in the pack where it lies. */
function damagePack(home: string, source: string): void {
  const bytes = readFileSync(source)
  for (const path of globSync(join(home, 'chunks', '**', '*.pack'))) {
    const at = readFileSync(path).indexOf(bytes)
    if (at < 0) continue
    flip(path, at + 1_000)
    return
  }
  assert.fail('the chunk is in no pack')
}

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes[offset] = (bytes[offset] ?? 0) ^ 1
  writeFileSync(path, bytes)
}
