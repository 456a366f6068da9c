/** Tokens that do not own the node: each scope may do its part and no more, and each ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../core/virtual-clock.ts'
import type { TokenScope } from '../../node/api-tokens.ts'
import { COMMANDS, call, createTestServices, startTestServer } from './http-server.suite.ts'

const HOUR_MS = 3_600_000
const RANK = { read: 0, write: 1, admin: 2 }

test('every route lets a token in that is good for it, and no lesser one [R-15]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const wrong: string[] = []
  for (const scope of ['read', 'write', 'admin'] as TokenScope[]) {
    const token = services.tokens.create({ scope, label: '', lifetimeMs: HOUR_MS }).token.reveal()
    for (const route of server.routes) {
      if (route.scope === undefined || RANK[route.scope] <= RANK[scope]) continue
      const answer = await call(server, route.method, route.url.replace(':id', 'f'.repeat(32)), { token })
      if (answer.status !== 403) wrong.push(`${scope} at ${route.method} ${route.url}: ${answer.status}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.deepEqual(
    server.routes.filter(({ scope }) => scope === undefined).map(({ url }) => url),
    ['/health'],
  )
})

test('a token that may write shares bytes, and neither reads this machine nor gives commands of the owner [R-15]', async (context) => {
  const { services } = createTestServices()
  const server = await startTestServer(context, services)
  const token = services.tokens.create({ scope: 'write', label: '', lifetimeMs: HOUR_MS }).token.reveal()
  assert.equal((await call(server, 'POST', '/v1/share?name=a', { token, body: 'bytes' })).status, 200)
  assert.equal((await call(server, 'POST', '/v1/commands/wait', { token })).status, 403)
  assert.equal((await call(server, 'POST', '/v1/commands/ping', { token })).status, 200)
  const refused = await call(server, 'POST', '/v1/commands/wait', { token })
  assert.equal(refused.json().error.code, 'TOKEN_SCOPE')
  assert.equal(COMMANDS.length, 3)
})

test('an expired token, a revoked one and one of another space are refused and counted [R-15]', async (context) => {
  const clock = new VirtualClock()
  let space = 'garden'
  const { services } = createTestServices({ clock, space: () => space })
  const server = await startTestServer(context, services)
  const { tokens } = services
  const create = () => tokens.create({ scope: 'admin', label: 'x', lifetimeMs: HOUR_MS })
  const [kept, revoked] = [create(), create()]
  const message = async (token: string) => {
    const answer = await call(server, 'GET', '/metrics', { token })
    return answer.status === 200
      ? 'in'
      : `${answer.status} ${(answer.json().error as { message?: string }).message}`
  }
  assert.equal(await message(kept.token.reveal()), 'in')
  assert.equal(tokens.revoke(revoked.facts.id), true)
  assert.equal(tokens.revoke(revoked.facts.id), false)
  assert.equal(await message(revoked.token.reveal()), '401 The token is wrong, or was taken back.')
  space = 'meadow'
  assert.match(await message(kept.token.reveal()), /^401 .*another space/)
  space = 'garden'
  await clock.advance(HOUR_MS)
  assert.equal(await message(kept.token.reveal()), '401 The token has expired.')
  assert.deepEqual(
    tokens.list().map(({ id }) => id),
    [kept.facts.id],
  )
  assert.ok(!JSON.stringify(tokens.list()).includes(kept.token.reveal()))
  for (let guess = 0; guess < 9; guess++) await message(kept.token.reveal())
  assert.match(await message(kept.token.reveal()), /^429/)
})
