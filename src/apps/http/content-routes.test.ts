import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { test } from 'node:test'
import { folderFileKey } from '../../commands/content-key.ts'
import { formatContentId } from '../../core/content-id.ts'
import { putFileRecord } from '../../records/file-record.ts'
import { sealWithSpaceKey } from '../../records/space-seal.ts'
import {
  type Answer,
  call,
  createTestServices,
  SPACE_KEY,
  startTestServer,
  TOKEN,
} from './http-server.suite.ts'

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff))

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('streams whole contents of any size, by any form of the id, with length and tag', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  for (const size of [0, 1, 65_536, 300_000]) {
    const bytes = BYTES.subarray(0, size)
    const id = content.add(bytes)
    for (const form of ['base32', 'base58btc', 'dds', 'hex'] as const) {
      const answer = await call(server, 'GET', `/v1/content/${formatContentId(id, form)}`)
      assert.equal(answer.status, 200)
      assert.ok(answer.body.equals(bytes))
      assert.equal(answer.headers['content-length'], String(size))
      assert.equal(answer.headers.etag, `"${id}"`)
    }
    const head = await call(server, 'HEAD', `/v1/content/${id}`)
    assert.equal(head.headers['content-length'], String(size))
    assert.equal(head.body.byteLength, 0)
  }
})

test('answers ranges: from, to, the last bytes; whole when there are several; 416 behind the end', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(BYTES)
  const get = (range: string, more = {}) =>
    call(server, 'GET', `/v1/content/${id}`, { headers: { range, ...more } })
  for (const [range, from, to] of [
    ['bytes=0-0', 0, 0],
    ['bytes=100000-200000', 100_000, 200_000],
    ['bytes=299999-', 299_999, 299_999],
    ['bytes=-10', 299_990, 299_999],
    ['bytes=-999999', 0, 299_999],
    ['bytes=299990-999999', 299_990, 299_999],
  ] as const) {
    const answer = await get(range)
    assert.equal(answer.status, 206, range)
    assert.equal(answer.headers['content-range'], `bytes ${from}-${to}/300000`)
    assert.ok(answer.body.equals(BYTES.subarray(from, to + 1)), range)
  }
  for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes=5-1', 'bytes=-', 'bytes=a-b']) {
    const answer = await get(range)
    assert.equal(answer.status, 200, range)
    assert.equal(answer.body.byteLength, BYTES.byteLength)
  }
  for (const range of ['bytes=300000-', 'bytes=-0']) {
    const answer = await get(range)
    assert.equal(answer.status, 416, range)
    assert.equal(answer.headers['content-range'], 'bytes */300000')
  }
  assert.equal((await get('bytes=0-9', { 'if-range': `"${id}"` })).status, 206)
  assert.equal((await get('bytes=0-9', { 'if-range': '"other"' })).status, 200)
  assert.equal((await get('bytes=0-9', { 'if-range': 'Wed, 21 Oct 2026 07:28:00 GMT' })).status, 200)
})

test('a range reads no more than it needs', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(BYTES)
  await call(server, 'GET', `/v1/content/${id}`, { headers: { range: 'bytes=-1000' } })
  assert.equal(content.readBytes, 1000)
})

test('whoever has it already is told so without a look at the bytes', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(BYTES)
  for (const tag of [`"${id}"`, `W/"${id}"`, `"a", "${id}"`, '*']) {
    const answer = await call(server, 'GET', `/v1/content/${id}`, { headers: { 'if-none-match': tag } })
    assert.equal(answer.status, 304, tag)
    assert.equal(answer.body.byteLength, 0)
  }
  assert.equal(content.readBytes, 0)
  const other = await call(server, 'GET', `/v1/content/${id}`, { headers: { 'if-none-match': '"bafk"' } })
  assert.equal(other.status, 200)
})

test('a wrong id, an unknown one, a missing key and a wrong one are four different answers [K-28]', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const key = Buffer.alloc(32, 1)
  const id = content.add(BYTES, { key })
  const code = async (path: string, headers = {}) => {
    const answer = await call(server, 'GET', path, { headers })
    return `${answer.status} ${answer.status === 200 ? 'OK' : answer.json().error.code}`
  }
  assert.equal(await code('/v1/content/nonsense'), '400 INVALID_INPUT')
  assert.equal(await code(`/v1/content/${'ab'.repeat(32)}`), '404 CONTENT_NOT_FOUND')
  assert.equal(await code(`/v1/content/${id}`), '403 CONTENT_KEY_MISSING')
  assert.equal(
    await code(`/v1/content/${id}`, { 'x-kizuna-key': Buffer.alloc(32).toString('base64url') }),
    '403 CONTENT_KEY_WRONG',
  )
  assert.equal(await code(`/v1/content/${id}`, { 'x-kizuna-key': 'short' }), '400 INVALID_INPUT')
  assert.equal(await code(`/v1/content/${id}`, { 'x-kizuna-key': key.toString('base64url') }), '200 OK')
})

test('a read ends after the time the settings allow without progress, or what the asker allows', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(BYTES)
  await call(server, 'GET', `/v1/content/${id}`)
  assert.equal(content.timeoutMs, 30_000)
  await call(server, 'GET', `/v1/content/${id}?timeout=1500`)
  assert.equal(content.timeoutMs, 1_500)
  for (const wrong of ['0', '-1', '1e3', '99999999', 'soon']) {
    assert.equal((await call(server, 'GET', `/v1/content/${id}?timeout=${wrong}`)).status, 400, wrong)
  }
})

test('damage found at once is a status, damage found later breaks the connection: never a short file', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const atOnce = await call(server, 'GET', `/v1/content/${content.add(BYTES.subarray(1), { damagedAt: 0 })}`)
  assert.equal(atOnce.status, 502)
  assert.equal(atOnce.json().error.code, 'CONTENT_CORRUPT')
  const later = await call(
    server,
    'GET',
    `/v1/content/${content.add(BYTES.subarray(2), { damagedAt: 200_000 })}`,
  )
  assert.equal(later.status, 200)
  assert.equal(later.broken, true)
  assert.ok(later.body.byteLength < 299_998)
})

test('a reader that goes away stops the retrieval, and one that does not read stops it from running ahead', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(Buffer.alloc(64 * 1024 * 1024))
  const outgoing = request(`${server.url}/v1/content/${id}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  outgoing.on('error', () => {})
  outgoing.end()
  const [response] = await once(outgoing, 'response')
  response.on('error', () => {})
  response.pause()
  let before = -1
  await until(() => {
    const still = content.readBytes === before
    before = content.readBytes
    return still && before > 0
  })
  assert.ok(before < 32 * 1024 * 1024, `${before} bytes were read for a reader that reads nothing`)
  assert.equal(content.stopped, 0)
  outgoing.destroy()
  await until(() => content.stopped === 1)
})

test('a folder gives its listing, and its files by their exact path only [R-14]', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const bytes = BYTES.subarray(0, 1000)
  const file = content.add(bytes)
  const folder = content.addFolder([{ path: 'album/ä b.png', id: file, sizeBytes: 1000 }])
  const get = (query: string): Promise<Answer> => call(server, 'GET', `/v1/content/${folder}${query}`)
  const listing = (await get('')).json()
  assert.deepEqual(listing.entries, [{ path: 'album/ä b.png', id: file, sizeBytes: 1000 }])
  const found = await get(`?path=${encodeURIComponent('album/ä b.png')}`)
  assert.ok(found.body.equals(bytes))
  assert.equal(found.headers['content-type'], 'image/png')
  assert.match(
    found.headers['content-disposition'] ?? '',
    /^inline; filename="_ b.png"; filename\*=UTF-8''%C3%A4%20b.png$/,
  )
  for (const path of [
    '../identity.key',
    'album/../album/ä b.png',
    '/album/ä b.png',
    'album\\ä b.png',
    'album/a\u0308 b.png',
    'ALBUM/ä b.png',
    'album/ä b.png\u0000',
    'album/ä b.png/',
    '..%2fidentity.key',
    '',
  ]) {
    const answer = await get(`?path=${encodeURIComponent(path)}`)
    assert.equal(answer.status, 404, path)
    assert.equal(answer.json().error.code, 'PATH_NOT_FOUND')
  }
  assert.equal((await get('?path=a&path=b')).status, 400)
})

test('what the space knows of a content gives its name, and to members its key', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const key = Buffer.alloc(32, 3)
  const id = content.add(BYTES, { key })
  await putFileRecord(services.records, services.key.peerId, {
    id,
    name: 'summer.png',
    mediaType: 'image/png',
    sizeBytes: BYTES.byteLength,
    policy: 'replica:3',
    sha256: '0'.repeat(64),
    chunks: 2,
    parityChunks: 0,
    kind: 'file',
    sealedKey: sealWithSpaceKey(SPACE_KEY, key, id, services.random),
  })
  const answer = await call(server, 'GET', `/v1/content/${id}`)
  assert.equal(answer.status, 200)
  assert.ok(answer.body.equals(BYTES))
  assert.match(answer.headers['content-disposition'] ?? '', /^inline; filename="summer.png"/)
  const wrong = await call(server, 'GET', `/v1/content/${id}`, {
    headers: { 'x-kizuna-key': Buffer.alloc(32).toString('base64url') },
  })
  assert.equal(wrong.json().error.code, 'CONTENT_KEY_WRONG')
})

test('each file of a private folder opens with its own key, made from the folder’s', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const folderKey = Buffer.alloc(32, 4)
  const file = content.add(BYTES, { key: folderFileKey(folderKey, 'a/b.png') })
  const folder = content.addFolder([{ path: 'a/b.png', id: file, sizeBytes: BYTES.byteLength }])
  const answer = await call(server, 'GET', `/v1/content/${folder}?path=a/b.png`, {
    headers: { 'x-kizuna-key': folderKey.toString('base64url') },
  })
  assert.equal(answer.status, 200)
  assert.ok(answer.body.equals(BYTES))
})

test('what a stranger made is never run: html and svg are saved, in a sandbox, unsniffed', async (context) => {
  const { services, content } = createTestServices()
  const server = await startTestServer(context, services)
  const id = content.add(Buffer.from('<script>alert(1)</script>'))
  for (const [name, type, disposition] of [
    ['page.html', 'text/html', 'attachment'],
    ['image.svg', 'image/svg+xml', 'attachment'],
    ['x.XHTML', 'application/xhtml+xml', 'attachment'],
    ['unknown', 'application/octet-stream', 'attachment'],
    ['photo.png', 'image/png', 'inline'],
    ['photo.png&download', 'image/png', 'attachment'],
  ] as const) {
    const { headers } = await call(server, 'GET', `/v1/content/${id}?name=${name}`)
    assert.equal(headers['content-type'], type)
    assert.ok(headers['content-disposition']?.startsWith(disposition), name)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(headers['content-security-policy'] ?? '', /^sandbox/)
    assert.equal(headers['access-control-allow-origin'], undefined)
  }
})
