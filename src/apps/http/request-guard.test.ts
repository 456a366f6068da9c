import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../core/secret.ts'
import { VirtualClock } from '../../core/virtual-clock.ts'
import { isLoopback, RequestGuard } from './request-guard.ts'

function createGuard() {
  const clock = new VirtualClock()
  const tokens = { check: () => undefined }
  const token = new Secret('right')
  const guard = new RequestGuard({ clock, tokens }, { token, host: '127.0.0.1', public: false })
  guard.listensOn(4010)
  const attempt = (remote: string, token: string): string => {
    try {
      guard.check({
        headers: { host: 'localhost:4010', authorization: `Bearer ${token}` },
        remote,
        encrypted: false,
        scope: 'read',
      })
      return 'in'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  return { clock, attempt }
}

test('failures are forgotten a minute after they happened, each by itself [R-15]', async () => {
  const { clock, attempt } = createGuard()
  for (let second = 0; second < 10; second++) {
    assert.equal(attempt('192.0.2.1', 'wrong'), 'TOKEN_REFUSED')
    await clock.advance(1_000)
  }
  assert.equal(attempt('192.0.2.1', 'right'), 'TOO_MANY_FAILURES')
  await clock.advance(49_000)
  assert.equal(attempt('192.0.2.1', 'right'), 'TOO_MANY_FAILURES')
  await clock.advance(1_001)
  assert.equal(attempt('192.0.2.1', 'right'), 'in')
  assert.equal(attempt('192.0.2.1', 'wrong'), 'TOKEN_REFUSED')
  assert.equal(attempt('192.0.2.1', 'wrong'), 'TOO_MANY_FAILURES')
})

test('one address does not shut out another, and an IPv6 network is one address [R-15]', () => {
  const { attempt } = createGuard()
  for (let guess = 0; guess < 10; guess++) attempt(`2001:db8:1:2::${guess}`, 'wrong')
  assert.equal(attempt('2001:db8:1:2:ffff::1', 'right'), 'TOO_MANY_FAILURES')
  assert.equal(attempt('2001:db8:1:3::1', 'right'), 'in')
  assert.equal(attempt('::ffff:192.0.2.1', 'right'), 'in')
})

test('what many addresses failed with is bounded in memory, and still counted for the latest [R-15]', () => {
  const { attempt } = createGuard()
  for (let address = 0; address < 5_000; address++) attempt(`10.0.${address >> 8}.${address & 255}`, 'wrong')
  for (let guess = 0; guess < 10; guess++) attempt('192.0.2.1', 'wrong')
  assert.equal(attempt('192.0.2.1', 'right'), 'TOO_MANY_FAILURES')
})

test('only addresses of this machine count as loopback [R-15]', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost', 'LOCALHOST'])
    assert.ok(isLoopback(host), host)
  for (const host of [
    '0.0.0.0',
    '::',
    '127.0.0.1.example',
    '127.example',
    '10.0.0.1',
    '::ffff:10.0.0.1',
    '',
  ]) {
    assert.ok(!isLoopback(host), host)
  }
})

test('what others at this machine guess shuts out nobody who has the right token, and is limited all the same [R-15]', () => {
  const { attempt } = createGuard()
  for (const remote of ['127.0.0.1', '::1', '::ffff:127.0.0.2']) {
    for (let guess = 0; guess < 10; guess++) assert.equal(attempt(remote, 'wrong'), 'TOKEN_REFUSED')
    assert.equal(attempt(remote, 'wrong'), 'TOO_MANY_FAILURES')
    assert.equal(attempt(remote, 'right'), 'in', remote)
  }
})
