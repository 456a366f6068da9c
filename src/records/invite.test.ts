import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from '../core/random.ts'
import { signingKeyFromSeed } from '../core/signing-key.ts'
import { InvalidInviteError } from './errors.ts'
import { INVITE_LINK_START, makeInvite, opensInvite, parseInvite, readInviteTerms } from './invite.ts'
import { spaceIdOf } from './space.ts'

const key = signingKeyFromSeed(new Uint8Array(32).fill(7))
const space = spaceIdOf(key.peerId, new Uint8Array(16).fill(1))
const addresses = [`/ip4/192.0.2.1/tcp/4001/p2p/${key.peerId}`, `/ip6/2001:db8::1/tcp/4001/p2p/${key.peerId}`]
const secret = new Uint8Array(16).fill(9)
const facts = {
  space,
  spaceName: 'the garden',
  addresses,
  expiresAt: 1_700_000_000_000,
  uses: 'single',
  secret,
} as const

test('a link says again what it was made of', () => {
  const { link } = makeInvite(key, facts)
  const invite = parseInvite(link)
  assert.equal(invite.terms.space, space)
  assert.equal(invite.terms.inviter, key.peerId)
  assert.equal(invite.terms.expiresAt, facts.expiresAt)
  assert.equal(invite.terms.uses, 'single')
  assert.equal(invite.spaceName, 'the garden')
  assert.deepEqual(invite.addresses, addresses)
  assert.deepEqual(invite.secret, secret)
  assert.match(invite.terms.id, /^[0-9a-f]{32}$/)
})

test('gives the vector of docs/protocol/membership.md', () => {
  const { link, terms } = makeInvite(key, facts)
  assert.equal(terms.id, '0b0a67d84b5ff91f5b982220c32b8ac3')
  assert.equal(
    link,
    'kizuna://join/pGRuYW1lanRoZSBnYXJkZW5ldGVybXNY-ahhdgFiaWRQCwpn2Etf-R9bmCIgwyuKw2NzaWdYQGIWU7m2wzqrANN9A2SjC1ObSK_BW3_APXuuL7NywhbAFHVmD-Xv6MyjAxOKuwpQZfoArVIe105Sv4ZTR7oYIwlkdXNlc2ZzaW5nbGVlc3BhY2VYIH27MmAdhpbVTSaQGDcF5OohZgmM_B6o2OMWOTgHO6zsZ2RldGFpbHNYIKDtRC7pOJKhJ-2aUhw7CgZ-qiB8v9E-sJnM1EVLY-VvZ2ludml0ZXJYIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIsaWV4cGlyZXNBdBsAAAGLz-VoAGZzZWNyZXRQCQkJCQkJCQkJCQkJCQkJCWlhZGRyZXNzZXOCeFAvaXA0LzE5Mi4wLjIuMS90Y3AvNDAwMS9wMnAvMTJEM0tvb1dSYXdQYnhQdFAxZVphSnB1bUdueVdYMkRjVXlkM1JRbnlkcjNlQXRvNEF6N3hSL2lwNi8yMDAxOmRiODo6MS90Y3AvNDAwMS9wMnAvMTJEM0tvb1dSYXdQYnhQdFAxZVphSnB1bUdueVdYMkRjVXlkM1JRbnlkcjNlQXRvNEF6Nw',
  )
})

test('takes white space around and inside a link, as mail programs leave it', () => {
  const { link } = makeInvite(key, facts)
  assert.deepEqual(parseInvite(`  \n${link}\t `), parseInvite(link))
  assert.deepEqual(parseInvite(`${link.slice(0, 76)}\r\n ${link.slice(76)}`), parseInvite(link))
})

test('the signed terms hold no secret, and only the right secret opens them', () => {
  const { terms } = makeInvite(key, facts)
  assert.equal(Buffer.from(terms.bytes).includes(Buffer.from(secret)), false)
  assert.equal(opensInvite(secret, terms), true)
  assert.equal(opensInvite(new Uint8Array(16), terms), false)
  assert.equal(opensInvite(new Uint8Array(0), terms), false)
})

test('leaves out addresses of others and more than eight', () => {
  const many = Array.from({ length: 12 }, (_, index) => `/ip4/192.0.2.${index}/tcp/1/p2p/${key.peerId}`)
  const other = signingKeyFromSeed(new Uint8Array(32).fill(8)).peerId
  const { link } = makeInvite(key, { ...facts, addresses: [`/ip4/1.2.3.4/tcp/1/p2p/${other}`, ...many] })
  assert.deepEqual(parseInvite(link).addresses, many.slice(0, 8))
})

test('refuses each of 10,000 bad links: altered, cut, forged and random ones', () => {
  const random = new SeededRandom(23)
  const { link } = makeInvite(key, facts)
  const bytes = Buffer.from(link.slice(INVITE_LINK_START.length), 'base64url')
  const stranger = signingKeyFromSeed(new Uint8Array(32).fill(8))
  const forgedTerms = Buffer.from(
    makeInvite(stranger, facts).link.slice(INVITE_LINK_START.length),
    'base64url',
  )
  let accepted = 0
  for (let round = 0; round < 10_000; round++) {
    const bad = Buffer.from(bytes)
    if (round % 4 === 0) bad[random.integer(bad.length)] = random.integer(256)
    if (round % 4 === 1)
      random.bytes(1 + random.integer(40)).forEach((byte, at) => {
        bad[(at + round) % bad.length] = byte
      })
    // The terms of another key with our addresses.
    if (round % 4 === 2) bad.set(forgedTerms.subarray(0, random.integer(bad.length)), random.integer(20))
    const text = round % 4 === 3 ? bad.subarray(0, random.integer(bad.length)) : bad
    if (Buffer.compare(text, bytes) === 0) continue
    try {
      parseInvite(INVITE_LINK_START + text.toString('base64url'))
      accepted++
    } catch (error) {
      assert.ok(error instanceof InvalidInviteError, String(error))
    }
  }
  assert.equal(accepted, 0)
})

test('refuses any text at all with a typed error and a reason', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.base64String({ maxLength: 400 })), (text) => {
      assert.throws(() => parseInvite(text), InvalidInviteError)
      assert.throws(() => parseInvite(INVITE_LINK_START + text), InvalidInviteError)
    }),
    { numRuns: 1_000 },
  )
  assert.throws(() => parseInvite('x'.repeat(10_000_000)), InvalidInviteError)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.throws(() => readInviteTerms(bytes), InvalidInviteError)
    }),
  )
})

test('refuses a link whose last character has other spare bits', () => {
  const { link } = makeInvite(key, facts)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(link.at(-1) ?? '')
  for (const character of alphabet) {
    if (character === alphabet[last]) continue
    assert.throws(() => parseInvite(link.slice(0, -1) + character), InvalidInviteError)
  }
})
