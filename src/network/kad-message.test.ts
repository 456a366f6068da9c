import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAddProvider } from './kad-message.ts'

test('an announcement is as the specification writes it: length, type 2, key, provider with its addresses [S-61]', () => {
  const message = encodeAddProvider({
    key: Buffer.from('1220aa', 'hex'),
    peer: Buffer.from('0024bb', 'hex'),
    addresses: [Buffer.from('047f000001', 'hex'), Buffer.from('06', 'hex')],
  })
  const provider = '0a030024bb' + '1205047f000001' + '120106'
  assert.equal(Buffer.from(message).toString('hex'), `18${'0802'}${'12031220aa'}${'4a0f'}${provider}`)
})

test('lengths over 127 take two bytes', () => {
  const message = Buffer.from(
    encodeAddProvider({ key: new Uint8Array(300), peer: new Uint8Array(0), addresses: [] }),
  )
  // 2 of the type, 3 of the key's head, 300, and 4 of an empty provider.
  assert.equal(message.subarray(0, 2).toString('hex'), 'b502')
  assert.equal(message.length, 2 + 309)
  assert.equal(message.subarray(4, 7).toString('hex'), '12ac02')
})
