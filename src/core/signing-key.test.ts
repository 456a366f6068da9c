import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from './errors.ts'
import {
  type PeerId,
  parsePeerId,
  peerIdFromPublicKey,
  peerView160,
  publicKeyOf,
  signingKeyFromSeed,
  verifySignature,
} from './signing-key.ts'

/** RFC 8032 §7.1, tests 1 to 3; peer ids made with js-libp2p. */
const VECTORS = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    peerId: '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV',
    view160: '21fe31dfa154a261626bf854046fd2271b7bed4b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    peerId: '12D3KooWDwTirQce1RRKnasT5fPVFgzXCy6SiRgSwrwPGLC7zE91',
    view160: '39f713d0a644253f04529421b9f51b9b08979d08',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    peerId: '12D3KooWSoKFn4y7TtC1chE8CRkXdPZZfkjfNbTSUK5rjjp4oPHn',
    view160: 'dac073e0123bdea59dd9b3bda9cf6037f63aca82',
  },
]

const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('keys and signatures are those of RFC 8032', () => {
  for (const vector of VECTORS) {
    const key = signingKeyFromSeed(fromHex(vector.seed))
    assert.equal(toHex(key.publicKey), vector.publicKey)
    assert.equal(toHex(key.seed), vector.seed)
    const signature = key.sign(fromHex(vector.message))
    assert.equal(toHex(signature), vector.signature)
    assert.ok(verifySignature(key.peerId, fromHex(vector.message), signature))
  }
})

test('a peer id is the one libp2p gives the key, holds the key, and has the 160-bit view [S-71]', () => {
  for (const { publicKey, peerId, view160 } of VECTORS) {
    assert.equal(peerIdFromPublicKey(fromHex(publicKey)), peerId)
    const parsed = parsePeerId(peerId)
    assert.equal(toHex(publicKeyOf(parsed)), publicKey)
    assert.equal(toHex(peerView160(parsed)), view160)
  }
})

test('a signature over other bytes, by another key, changed or cut does not verify', () => {
  const [one, other] = VECTORS.map(({ seed }) => signingKeyFromSeed(fromHex(seed)))
  assert.ok(one !== undefined && other !== undefined)
  const message = fromHex('0102')
  const signature = one.sign(message)
  assert.ok(verifySignature(one.peerId, message, signature))
  assert.equal(verifySignature(one.peerId, fromHex('0103'), signature), false)
  assert.equal(verifySignature(other.peerId, message, signature), false)
  assert.equal(verifySignature(one.peerId, message, signature.subarray(1)), false)
  assert.equal(verifySignature(one.peerId, message, new Uint8Array(0)), false)
  for (let bit = 0; bit < 512; bit++) {
    const changed = Uint8Array.from(signature)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.equal(verifySignature(one.peerId, message, changed), false, `bit ${bit}`)
  }
})

test('a peer id that is no point of the curve verifies nothing', () => {
  const nonsense = peerIdFromPublicKey(new Uint8Array(32).fill(0xff))
  assert.equal(verifySignature(nonsense, new Uint8Array(1), new Uint8Array(64)), false)
})

test('text that is not an Ed25519 peer id is refused [S-71]', () => {
  const good = VECTORS[0]?.peerId ?? ''
  const others = [
    '',
    good.slice(0, -1),
    `${good}1`,
    good.replace('K', '0'),
    ` ${good}`,
    // An RSA peer id and a CID-shaped one.
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    'bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe',
    'x'.repeat(10_000),
  ]
  for (const text of others) assert.throws(() => parsePeerId(text), InvalidInputError, text.slice(0, 60))
})

test('keys of a wrong length are refused', () => {
  assert.throws(() => signingKeyFromSeed(new Uint8Array(31)), InvalidInputError)
  assert.throws(() => peerIdFromPublicKey(new Uint8Array(33)), InvalidInputError)
})

test('changing what a key was made from does not change the key', () => {
  const seed = fromHex(VECTORS[0]?.seed ?? '')
  const key = signingKeyFromSeed(seed)
  seed.fill(0)
  assert.equal(toHex(key.seed), VECTORS[0]?.seed)
})

test('signatures verify for more peers than are remembered', () => {
  const message = fromHex('2a')
  const peers: { peer: PeerId; signature: Uint8Array }[] = []
  for (let number = 0; number < 1100; number++) {
    const seed = new Uint8Array(32)
    seed[0] = number & 0xff
    seed[1] = number >> 8
    const key = signingKeyFromSeed(seed)
    peers.push({ peer: key.peerId, signature: key.sign(message) })
  }
  for (const { peer, signature } of peers) assert.ok(verifySignature(peer, message, signature))
  for (const { peer, signature } of peers.slice(0, 5)) assert.ok(verifySignature(peer, message, signature))
})
