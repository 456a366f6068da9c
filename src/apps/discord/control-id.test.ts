import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CONTROL_ID_LENGTH_MAX, ControlIds } from './control-id.ts'
import { ControlRefusedError } from './errors.ts'

const key = { seed: new Uint8Array(32).fill(7) }
const ALDER = '1573704566824763392'
const BIRCH = '1573704566824763393'
const CONTENT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

test('an id outlives the process: the same key reads what another start made', () => {
  const id = new ControlIds(key).make({ does: 'get', user: ALDER, facts: [CONTENT] })
  assert.ok(id !== undefined && id.length <= CONTROL_ID_LENGTH_MAX, String(id?.length))
  assert.deepEqual(new ControlIds(key).read(id, ALDER), { does: 'get', user: ALDER, facts: [CONTENT] })
})

test('what was altered, made by another node, or is for somebody else is refused', () => {
  const ids = new ControlIds(key)
  const open = ids.make({ does: 'get', facts: [CONTENT] }) ?? ''
  assert.deepEqual(ids.read(open, BIRCH).facts, [CONTENT], 'everybody may press an open one')
  const altered = open.replace('get', 'keep')
  const cases = [altered, `${open}A`, open.slice(0, -1), '', '~', 'get', `get~~${CONTENT}~AAAAAAAAAAAA`]
  for (const id of cases) assert.throws(() => ids.read(id, ALDER), ControlRefusedError, id)
  const other = new ControlIds({ seed: new Uint8Array(32).fill(8) })
  assert.throws(() => other.read(open, ALDER), { details: { reason: 'forged' } })
  const own = ids.make({ does: 'erase', user: ALDER, facts: [] }) ?? ''
  assert.throws(() => ids.read(own, BIRCH), { details: { reason: 'foreign' } })
})

test('no single changed character passes', () => {
  const ids = new ControlIds(key)
  const id = ids.make({ does: 'page', user: ALDER, facts: ['10', '0', 'aG9saWRheQ'] }) ?? ''
  fc.assert(
    fc.property(fc.nat(id.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, sign) => {
      fc.pre(id[at] !== sign)
      assert.throws(() => ids.read(id.slice(0, at) + sign + id.slice(at + 1), ALDER), ControlRefusedError)
    }),
  )
})

test('what would not fit into Discord’s hundred characters is not made', () => {
  const ids = new ControlIds(key)
  assert.equal(ids.make({ does: 'page', user: ALDER, facts: ['x'.repeat(90)] }), undefined)
  assert.equal(ids.make({ does: 'page', facts: ['a~b'] }), undefined)
})
