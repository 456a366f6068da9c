import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { isSigned, readPublicKey } from './request-signature.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const hex = publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('hex')
const NOW = 1_770_000_000_000
const timestamp = String(NOW / 1000)
const body = Buffer.from('{"type":1}')
const signature = sign(null, Buffer.concat([Buffer.from(timestamp), body]), privateKey).toString('hex')

test('what Discord signed a moment ago passes, anything altered does not', () => {
  const key = readPublicKey(hex)
  assert.ok(isSigned(key, { signature, timestamp, body }, NOW))
  assert.ok(isSigned(key, { signature, timestamp, body }, NOW + 299_000))
  assert.ok(!isSigned(key, { signature, timestamp, body }, NOW + 301_000), 'kept for too long')
  assert.ok(!isSigned(key, { signature, timestamp, body }, NOW - 301_000), 'from the future')
  assert.ok(!isSigned(key, { signature, timestamp, body: Buffer.from('{"type":2}') }, NOW))
  assert.ok(!isSigned(key, { signature, timestamp: `${NOW / 1000 + 1}`, body }, NOW))
  const flipped = `${signature.startsWith('0') ? '1' : '0'}${signature.slice(1)}`
  for (const wrong of ['', 'zz', signature.slice(2), `${signature}00`, flipped])
    assert.ok(!isSigned(key, { signature: wrong, timestamp, body }, NOW), wrong)
  for (const wrong of ['', '-1', '1e9', 'now', ` ${timestamp}`])
    assert.ok(!isSigned(key, { signature, timestamp: wrong, body }, NOW), wrong)
})
