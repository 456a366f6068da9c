/** The audit log shows every way of tampering with it, and names the first entry concerned. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../core/log.ts'
import { SeededRandom } from '../../core/random.ts'
import { signingKeyFromSeed } from '../../core/signing-key.ts'
import { openIndexDatabase } from '../../storage/index-database.ts'
import { MemoryDisk } from '../../storage/memory-disk.ts'
import type { AuditAnchor, AuditHead } from './audit-anchor.ts'
import { AuditLog } from './audit-log.ts'

class MemoryAnchor implements AuditAnchor {
  readonly name = 'memory'
  readonly kept: AuditHead[] = []
  async publish(head: AuditHead): Promise<void> {
    this.kept.push(head)
  }
  async heads(): Promise<AuditHead[]> {
    return this.kept
  }
}

function world(entries = 10) {
  const random = new SeededRandom(4)
  const key = signingKeyFromSeed(random.bytes(32))
  const index = openIndexDatabase(new MemoryDisk().openDatabase('index.db'))
  const anchor = new MemoryAnchor()
  const log = new AuditLog({ index, key, random, log: silentLogger }, [anchor])
  for (let at = 1; at <= entries; at++) {
    log.note({
      correlationId: 'c',
      at,
      caller: at % 2 === 0 ? 'discord:elm' : 'discord:oak',
      command: 'share',
      ...(at === 3 ? { action: 'run', group: 'discord:9' } : {}),
    })
  }
  return { log, index, anchor, random, key }
}

test('an untouched log is intact and shows who did what [K-81]', async () => {
  const { log } = world()
  const verdict = await log.verify()
  assert.equal(verdict.intact, true)
  assert.equal(verdict.entries, 10)
  assert.match(verdict.head ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(
    log
      .list({ limit: 2, before: 4 })
      .map(({ sequence, caller, action, group }) => [sequence, caller, action, group]),
    [
      [3, 'discord:oak', 'run', 'discord:9'],
      [2, 'discord:elm', undefined, undefined],
    ],
  )
  assert.deepEqual(await world(0).log.verify(), { intact: true, entries: 0, head: undefined, anchors: 0 })
})

const TAMPERINGS: Record<string, string> = {
  'an altered body': `UPDATE audit_entry SET body = (SELECT body FROM audit_entry WHERE sequence = 3) WHERE sequence = 5`,
  'an altered hash': `UPDATE audit_entry SET hash = zeroblob(32) WHERE sequence = 5`,
  'an altered signature': `UPDATE audit_entry SET signature = zeroblob(64) WHERE sequence = 5`,
  'a removed entry': `DELETE FROM audit_entry WHERE sequence = 5`,
}
for (const [what, sql] of Object.entries(TAMPERINGS)) {
  test(`${what} is named [K-81]`, async () => {
    const { log, index } = world()
    index.run(sql)
    const { intact, fault } = await log.verify()
    assert.equal(intact, false)
    assert.equal(fault?.sequence, 5)
  })
}

test('a log cut at its end, or made anew with the node’s own key, disagrees with what was anchored [K-81]', async () => {
  const { log, index, anchor, random, key } = world()
  assert.deepEqual(await log.anchor(), ['memory'])
  assert.equal((await log.verify()).anchors, 1)
  index.run('DELETE FROM audit_entry WHERE sequence > 8')
  assert.deepEqual((await log.verify()).fault, {
    sequence: 9,
    reason: 'it is missing, though a later one was anchored elsewhere',
  })
  index.run('DELETE FROM audit_entry')
  const forged = new AuditLog({ index, key, random, log: silentLogger }, [anchor])
  for (let at = 1; at <= 12; at++) {
    forged.note({ correlationId: 'c', at, caller: 'discord:oak', command: 'get' })
  }
  const verdict = await forged.verify()
  assert.equal(verdict.fault?.sequence, 10, 'everything fits together but the hash that others remember')
})

test('a person is forgotten and the chain stays whole', async () => {
  const { log } = world()
  const mine: unknown[] = []
  for await (const item of log.exportOf('discord:oak')) mine.push(item)
  assert.equal(mine.length, 5)
  assert.equal(await log.eraseOf('discord:oak'), 1)
  assert.equal(await log.eraseOf('discord:oak'), 0)
  assert.equal((await log.verify()).intact, true)
  assert.deepEqual(
    new Set(log.list({ limit: 10 }).map(({ caller }) => caller)),
    new Set([undefined, 'discord:elm']),
  )
})

test('a node that cannot write its audit log says so and goes on', () => {
  const { log, index } = world()
  index.close()
  log.note({ correlationId: 'c', at: 1, caller: 'cli', command: 'share' })
})
