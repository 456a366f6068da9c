import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CONTENT_ID_FORMS,
  contentIdFromDigest,
  contentIdOf,
  digestOf,
  formatContentId,
  matchesContentId,
  parseContentId,
} from './content-id.ts'
import { InvalidInputError } from './errors.ts'

/** The vectors of `docs/protocol/content-id.md`, made with other implementations of CID. */
const VECTORS = [
  {
    bytes: new Uint8Array(0),
    hexBegins: 'e3b0c442',
    hexEnds: '7852b855',
    dds: 'GKot5hBsd81kMupNCXHaqbhv3huEbxAFMLnpcX2hniwn',
    base32: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
    base58btc: 'zb2rhmy65F3REf8SZp7De11gxtECBGgUKaLdiDj7MCGCHxbDW',
  },
  {
    bytes: new TextEncoder().encode('hello world'),
    hexBegins: 'b94d27b9',
    hexEnds: 'e2efcde9',
    dds: 'DULfJyE3WQqNxy3ymuhAChyNR3yufT88pmqvAazKFMG4',
    base32: 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e',
    base58btc: 'zb2rhj7crUKTQYRGCRATFaQ6YFLTde2YzdqbbhAASkL9uRDXn',
  },
  {
    bytes: new Uint8Array(262_144),
    hexBegins: '8a39d2ab',
    hexEnds: '589b4a90',
    dds: 'AJaQGbTq9ioaz1hPtJz9oLJPYZYwQMeztWdwzFEsL6jZ',
    base32: 'bafkreiekhhjkxu4ztk3tyng3er3ijhg56mb44oe3gwbgquhzu4afrg2ksa',
    base58btc: 'zb2rhfwrbRwhCBjEQSD6fgoPXqxnemY82Nk8TktxUZzQTVy1H',
  },
  {
    bytes: new Uint8Array(1_048_576),
    hexBegins: '30e14955',
    hexEnds: '909fcb58',
    dds: '4HopDFVciPjGnwAmh6r5uzUsi4a4rF1CJFSMeNSrCht3',
    base32: 'bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla',
    base58btc: 'zb2rhZw61NbiykQA6F8a3VbFTxcy8w399pdUfAdktE7cSNa9m',
  },
]

test('the id of known bytes is the known id, in every form [K-06] [S-04] [S-24]', () => {
  for (const { bytes, hexBegins, hexEnds, ...forms } of VECTORS) {
    const id = contentIdOf(bytes)
    assert.equal(id, forms.base32)
    assert.equal(formatContentId(id, 'base32'), forms.base32)
    assert.equal(formatContentId(id, 'base58btc'), forms.base58btc)
    assert.equal(formatContentId(id, 'dds'), forms.dds)
    const hex = formatContentId(id, 'hex')
    assert.equal(hex, hash('sha256', bytes, 'hex'))
    assert.ok(hex.startsWith(hexBegins) && hex.endsWith(hexEnds))
  }
})

test('the protocol page shows these vectors', () => {
  const page = readFileSync(new URL('../../docs/protocol/content-id.md', import.meta.url), 'utf8')
  for (const { base32, base58btc, dds } of VECTORS) {
    assert.ok(page.includes(`| \`${base32}\` | \`${base58btc}\` | \`${dds}\` |`), base32)
  }
})

test('SHA-256 gives the known answers of FIPS 180-4 [K-06]', () => {
  const answers: [string, string][] = [
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ]
  for (const [text, digest] of answers) {
    assert.equal(formatContentId(contentIdOf(new TextEncoder().encode(text)), 'hex'), digest)
  }
})

test('any form of an id is read back, with spaces around it and hex in capitals', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.constantFrom(...CONTENT_ID_FORMS),
      (digest, form) => {
        const id = contentIdFromDigest(digest)
        const text = formatContentId(id, form)
        assert.equal(parseContentId(text), id)
        assert.equal(parseContentId(`  ${text}\n`), id)
        if (form === 'hex') assert.equal(parseContentId(text.toUpperCase()), id)
        assert.deepEqual(Uint8Array.from(digestOf(id)), digest)
      },
    ),
  )
})

test('an id of another codec, hash or version, a cut one, and any other text are refused', () => {
  const id = contentIdOf(new Uint8Array(1))
  const others = [
    '',
    'hello',
    id.slice(0, -1),
    `${id}a`,
    id.toUpperCase(),
    // CIDv1 dag-pb and CIDv0 of the empty UnixFS file; a CID with blake2b.
    'bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y',
    'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH',
    'bafk2bzaced4xqkxb5wfhcktjm3bgr3u7b6ogzl2hnwfdd5zcpk3wv7o3dudf6',
    'zb2rh',
    '0'.repeat(63),
    `${'0'.repeat(63)}g`,
    'x'.repeat(10_000),
    '../../etc/passwd',
    '\u0000',
  ]
  for (const text of others) assert.throws(() => parseContentId(text), InvalidInputError, text.slice(0, 80))
  assert.throws(() => contentIdFromDigest(new Uint8Array(31)), InvalidInputError)
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.match(parseContentId(text), /^bafkrei[a-z2-7]{52}$/)
      } catch (error) {
        assert.ok(error instanceof InvalidInputError)
      }
    }),
  )
})

test('two texts in base32 are never the same id', () => {
  // The last character carries two bits that belong to no byte; only where they are zero is it an id.
  const id = contentIdOf(new Uint8Array(1))
  const accepted: string[] = []
  for (const last of 'abcdefghijklmnopqrstuvwxyz234567') {
    const text = id.slice(0, -1) + last
    try {
      assert.equal(parseContentId(text), text)
      accepted.push(text)
    } catch (error) {
      assert.ok(error instanceof InvalidInputError, text)
    }
  }
  assert.equal(accepted.length, 8)
})

test('a single changed bit no longer matches', () => {
  const bytes = new Uint8Array(64).fill(5)
  const id = contentIdOf(bytes)
  assert.ok(matchesContentId(bytes, id))
  for (let bit = 0; bit < 512; bit++) {
    const changed = Uint8Array.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.equal(matchesContentId(changed, id), false)
  }
})
