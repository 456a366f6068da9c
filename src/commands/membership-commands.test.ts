/** Who belongs, who is let in and what programs may do, on whole nodes with a network in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKizunaError } from '../core/kizuna-error.ts'
import { eventually, TestNodes } from '../node/start-nodes.suite.ts'
import { ask } from './ask.suite.ts'

const LIMIT = { timeout: 60_000 }
const withCode = (code: string) => (error: unknown) => isKizunaError(error, code)

test(
  'members lists and removes; what is shared in private afterwards is closed to the one removed [R-23]',
  LIMIT,
  async () => {
    await using nodes = new TestNodes()
    const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
    await nodes.join(a, b)
    const before = await ask(a, 'share', { text: 'before', private: true, wait: 'local' })
    await eventually('the other member has the key', async () => {
      const facts = await ask(b, 'get', { id: before.id }).catch(() => ({ link: '' }))
      return facts.link.includes('#')
    })
    const listed = await ask(a, 'members')
    assert.deepEqual(listed.members.map(({ role }: { role: string }) => role).sort(), ['founder', 'member'])
    const peer = b.services.network.peerId
    await assert.rejects(ask(b, 'members', { remove: a.services.network.peerId }), withCode('NOT_ALLOWED'))
    await assert.rejects(ask(a, 'members', { remove: 'nobody' }), withCode('INVALID_INPUT'))
    assert.equal((await ask(a, 'members', { remove: peer })).members.length, 1)
    const keys = b.services.membership.spaceKeys().map((key) => Buffer.from(key).toString('hex'))
    assert.ok(!keys.includes(Buffer.from(a.services.membership.spaceKey()).toString('hex')))
    const after = await ask(a, 'share', { text: 'after', private: true, wait: 'local' })
    assert.ok(after.link.includes('#'))
    assert.equal((await ask(a, 'members', { member: peer })).members.length, 2)
  },
)

test('token makes, lists and takes back, and shows a token once [R-15]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const node = await nodes.startInMemory()
  const made = await ask(node, 'token', { scope: 'read', label: 'backup', expires: '1h' })
  assert.match(made.token, /^kizuna_[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(node.services.tokens.check(made.token), { id: made.id, scope: 'read' })
  const { tokens } = await ask(node, 'token')
  assert.deepEqual(
    tokens.map(({ id, scope, label }: Record<string, string>) => [id, scope, label]),
    [[made.id, 'read', 'backup']],
  )
  assert.ok(!JSON.stringify(tokens).includes(made.token))
  assert.deepEqual(await ask(node, 'token', { revoke: made.id }), { revoked: true, id: made.id })
  assert.equal(node.services.tokens.check(made.token), undefined)
  await assert.rejects(ask(node, 'token', { scope: 'read', expires: '0d' }), withCode('INVALID_INPUT'))
})

test('invite lists what counts, and who came in with it [R-23]', LIMIT, async () => {
  await using nodes = new TestNodes()
  const [a, b] = [await nodes.startInMemory(), await nodes.startInMemory()]
  const single = await ask(a, 'invite', { single: true, expires: '1h' })
  const many = await ask(a, 'invite', { expires: '2h' })
  await ask(a, 'invite', { revoke: many.id })
  await ask(b, 'join', { link: single.link })
  const { invites } = await ask(a, 'invite', { list: true })
  assert.deepEqual(
    invites.map(({ id, uses, revoked, usedBy }: Record<string, unknown>) => [id, uses, revoked, usedBy]),
    [
      [single.id, 'single', false, b.services.network.peerId],
      [many.id, 'many', true, null],
    ],
  )
})
