import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { SystemClock } from '../../core/clock.ts'
import { SeededRandom, SystemRandom } from '../../core/random.ts'
import { createCertificate } from './certificate.ts'
import { CertificateRefusedError } from './errors.ts'
import { type Flaws, madeCertificate } from './made-certificate.suite.ts'
import { verifyCertificate } from './verify-certificate.ts'

describe('the check of a certificate', () => {
  const clock = new SystemClock()
  const now = clock.now()
  const random = new SystemRandom()
  let ash: PrivateKey
  let birch: PrivateKey
  before(async () => {
    ash = await generateKeyPair('Ed25519')
    birch = await generateKeyPair('Ed25519')
  })

  const refused = (raw: Uint8Array | undefined, reason: RegExp, time = now) =>
    assert.rejects(
      verifyCertificate(raw, { now: time, expected: undefined }),
      (error) => error instanceof CertificateRefusedError && reason.test(error.message),
    )

  test('a certificate of ours proves our peer id, with keys of every kind', async () => {
    for (const type of ['Ed25519', 'secp256k1', 'RSA'] as const) {
      const key = await generateKeyPair(type as 'Ed25519')
      const { cert } = await createCertificate({ clock, random }, key)
      const peer = await verifyCertificate(new X509Certificate(cert).raw, { now })
      assert.ok(peer.equals(peerIdFromPrivateKey(key)))
    }
  })

  test('OpenSSL takes every one of many of them, whatever length the signatures have', async () => {
    for (let round = 0; round < 30; round++) {
      const { cert } = await createCertificate({ clock, random }, ash)
      assert.ok(new X509Certificate(cert).validToDate.getTime() > now)
    }
  })

  test('the extension is found wherever it stands', async () => {
    const { der } = await madeCertificate(ash, { extensions: ['foreign', 'ours'] })
    const peer = await verifyCertificate(der, { now, expected: peerIdFromPrivateKey(ash) })
    assert.ok(peer.equals(peerIdFromPrivateKey(ash)))
  })

  test('none, one of somebody else and one that is too long are refused', async () => {
    await refused(undefined, /no certificate/)
    await refused(Buffer.alloc(20_000), /too long/)
    const { der } = await madeCertificate(ash)
    await assert.rejects(
      verifyCertificate(der, { now, expected: peerIdFromPrivateKey(birch) }),
      CertificateRefusedError,
    )
  })

  test('before and after its dates it is refused', async () => {
    const { der } = await madeCertificate(ash)
    await refused(der, /not valid now/, Date.UTC(2019, 1))
    await refused(der, /not valid now/, Date.UTC(2101, 1))
  })

  test('what is wrong with it is refused, each for its reason [R-05]', async () => {
    const cases: [Flaws, RegExp][] = [
      [{ extensions: [] }, /not exactly one/],
      [{ extensions: ['foreign'] }, /not exactly one/],
      [{ extensions: ['ours', 'ours'] }, /not exactly one/],
      [{ signer: birch }, /did not sign/],
      [{ foreignSignature: true }, /not signed by itself/],
      [{ issuer: 'somebody' }, /not signed by itself/],
      [{ extensionValue: Buffer.from('3000', 'hex') }, /extension of its certificate is malformed/],
      [{ extensionValue: Buffer.from('0400', 'hex') }, /malformed/],
      [{ extensionValue: Buffer.from('30040400', 'hex') }, /malformed/],
      [{ extensionValue: Buffer.from('300604020809040109', 'hex') }, /malformed/],
    ]
    for (const [flaws, reason] of cases) await refused((await madeCertificate(ash, flaws)).der, reason)
  })

  test('flipped bits, cuts and noise are refused, never anything else [R-05]', async () => {
    const { der } = await madeCertificate(ash)
    const chance = new SeededRandom(17)
    for (let round = 0; round < 400; round++) {
      const bytes = Buffer.from(der)
      const place = chance.integer(bytes.byteLength)
      bytes[place] = (bytes[place] ?? 0) ^ (1 << chance.integer(8))
      const cut = chance.integer(4) === 0 ? chance.integer(bytes.byteLength) : bytes.byteLength
      // Whichever bit it is, the self-signature or the host's no longer fits.
      await refused(bytes.subarray(0, cut), /./)
    }
    for (let round = 0; round < 100; round++) await refused(chance.bytes(chance.integer(500)), /./)
  })
})
