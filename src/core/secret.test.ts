import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { silentLogger } from './log.ts'
import { Secret } from './secret.ts'
import { signingKeyFromSeed } from './signing-key.ts'

test('a secret shows itself nowhere and gives itself only when asked [R-16]', () => {
  const secret = new Secret('canary-1f3a')
  const wrapped = { deep: { in: [secret] } }
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify(wrapped),
    inspect(wrapped, { depth: null, showHidden: true }),
    format('%s %o %O %j', secret, secret, secret, secret),
    JSON.stringify(Object.entries(secret)),
    new Error(`failed with ${secret}`).message,
  ]
  for (const text of shown) assert.ok(!text.includes('canary'), text)
  assert.equal(JSON.stringify(secret), '"[secret]"')
  assert.equal(structuredCloneText(secret).includes('canary'), false)
  assert.equal(secret.reveal(), 'canary-1f3a')
})

test('a log line with a secret fails the type check, and plain facts pass [R-16]', () => {
  const log = silentLogger
  const secret = new Secret('canary')
  const key = signingKeyFromSeed(new Uint8Array(32))
  const anything: unknown = 1
  // Each of these lines is an error of the type check; were it none, the check itself would say so.
  // @ts-expect-error a secret
  log.info('event', { given: secret })
  // @ts-expect-error perhaps a secret
  log.warn('event', { given: secret as Secret<string> | undefined })
  // @ts-expect-error a list of secrets
  log.error('event', { given: [secret] })
  // @ts-expect-error a key that signs
  log.debug('event', { signer: key })
  // @ts-expect-error the name of a secret
  log.info('event', { token: 'text' })
  // @ts-expect-error the name of a secret
  log.named('part').info('event', { passphrase: 'text' })
  log.info('event', {
    peer: key.peerId,
    count: 1,
    list: ['a'],
    anything,
    error: new Error('x'),
    none: undefined,
  })
  log.info('event')
})

function structuredCloneText(value: unknown): string {
  return inspect(structuredClone(value), { showHidden: true })
}
